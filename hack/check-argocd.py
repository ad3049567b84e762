#!/usr/bin/env python3
"""Runs the health checks of config/argocd, in Lua as Argo CD does, on objects recorded from `sluice up` (config/argocd/recorded)."""
import copy
import pathlib
import sys

import lupa
import yaml

root = pathlib.Path(__file__).resolve().parent.parent / "config" / "argocd"
EXPECTED = {
    "pipelinerun-succeeded": "Healthy",
    "pipelinerun-failed": "Degraded",
    "pipelinerun-cancelled": "Degraded",
    "pipelinerun-running": "Progressing",
    "pipelinerun-queued": "Progressing",
    "pipelinerun-suspended": "Suspended",
    "scheduledrun-ready": "Healthy",
    "scheduledrun-suspended": "Suspended",
    "scheduledrun-invalid": "Degraded",
    "queue-ready": "Healthy",
    "queue-closed": "Suspended",
    "queue-lost": "Degraded",
}


def table(runtime, value):
    """A Python value as Lua has it."""
    if isinstance(value, dict):
        return runtime.table_from({key: table(runtime, item) for key, item in value.items()})
    if isinstance(value, list):
        return runtime.table_from([table(runtime, item) for item in value])
    return value


def health(checks, obj):
    runtime = lupa.LuaRuntime(unpack_returned_tuples=True)
    code = checks[f"resource.customizations.health.sluice.dev_{obj['kind']}"]
    result = runtime.execute(f"return function(obj)\n{code}\nend")(table(runtime, obj))
    return result["status"], result["message"]


def main():
    checks = yaml.safe_load((root / "argocd-cm.yaml").read_text())["data"]
    problems = []
    recorded = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((root / "recorded").glob("*.yaml"))}
    if set(recorded) != set(EXPECTED):
        problems.append(f"the recorded objects are {sorted(recorded)}, expected {sorted(EXPECTED)}")
    facts = 0
    for name, obj in recorded.items():
        status, message = health(checks, obj)
        facts += 1
        if status != EXPECTED.get(name) or not isinstance(message, str):
            problems.append(f"{name}: {status} ({message}), expected {EXPECTED.get(name)}")
        # As it is before the operator has looked at it: with no status, and with the default of the CRD.
        for early in (None, {}, {"observedGeneration": -1}):
            fresh = copy.deepcopy(obj)
            fresh.pop("status", None)
            if early is not None:
                fresh["status"] = early
            facts += 1
            if health(checks, fresh)[0] != "Progressing":
                problems.append(f"{name} with status {early}: not Progressing")
    for problem in problems:
        print(f"check-argocd: {problem}", file=sys.stderr)
    print(f"check-argocd: {facts} healths of config/argocd hold" if not problems else "check-argocd: failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
