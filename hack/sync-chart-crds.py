#!/usr/bin/env python3
"""Makes charts/sluice/templates/crds/*.yaml from config/crd/*.yaml.

    hack/sync-chart-crds.py            writes them
    hack/sync-chart-crds.py --check    only says whether they are current; exits 1 when not

The chart has its CRDs among the templates and not in crds/, since Helm never upgrades what is there. Needs nothing but Python.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "config" / "crd"
TARGET = ROOT / "charts" / "sluice" / "templates" / "crds"

HEADER = """\
{{- /* Made from config/crd/%s by hack/sync-chart-crds.py. Do not edit. */ -}}
{{- if .Values.crd.enabled }}
"""
FOOTER = "{{- end }}\n"
KEEP = """\
    {{- if .Values.crd.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
"""
# Where there is no other annotation the key goes with the only one.
KEEP_ALONE = """\
  {{- if .Values.crd.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
LABELS = """\
  labels:
    {{- include "sluice.labels" . | nindent 4 }}
"""


class Unexpected(Exception):
    """A CRD that is not laid out as this script can handle."""


def template(name: str, text: str) -> str:
    """The chart's template of a CRD: the same lines, plus the chart's labels and the annotation that keeps it."""
    # Only what opens an action needs escaping.
    text = text.replace("{{", '{{ "{{" }}').strip("\n") + "\n"
    text = re.sub(r"\A(?:#[^\n]*\n)*(?:---\n)?", "", text)
    if re.search(r"^---", text, re.MULTILINE):
        raise Unexpected(f"config/crd/{name}: expected one document a file")
    match = re.search(r"^metadata:\n((?:  [^\n]*\n)+)", text, re.MULTILINE)
    if not match:
        raise Unexpected(f"config/crd/{name}: expected metadata as a block of lines indented by two spaces")
    body = match.group(1)
    if re.search(r"^  labels:", body, re.MULTILINE):
        raise Unexpected(f"config/crd/{name}: expected no labels, the chart adds its own")
    if re.search(r"^  annotations:\n", body, re.MULTILINE):
        body = re.sub(r"^  annotations:\n", lambda found: found.group(0) + KEEP, body, count=1, flags=re.MULTILINE)
    elif re.search(r"^  annotations:", body, re.MULTILINE):
        raise Unexpected(f"config/crd/{name}: expected the annotations one a line")
    else:
        body += KEEP_ALONE
    body += LABELS
    return HEADER % name + text[: match.start(1)] + body + text[match.end(1) :] + FOOTER


def wanted() -> dict[str, str]:
    """What the files of the chart must hold, by name."""
    sources = sorted(path for path in SOURCE.glob("*.yaml") if path.name != "kustomization.yaml")
    if not sources:
        raise Unexpected("config/crd: expected CRDs there")
    return {path.name: template(path.name, path.read_text()) for path in sources}


def stale() -> list[str]:
    """The names of the chart's CRD files that are missing, different or one too many."""
    want = wanted()
    have = {path.name: path.read_text() for path in TARGET.glob("*.yaml")}
    return sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))


def main() -> int:
    if sys.argv[1:] not in ([], ["--check"]):
        print("sync-chart-crds: unknown arguments (expected --check or nothing)", file=sys.stderr)
        return 2
    try:
        if sys.argv[1:] == ["--check"]:
            for name in (names := stale()):
                print(f"charts/sluice/templates/crds/{name} is not current: run hack/sync-chart-crds.py", file=sys.stderr)
            return 1 if names else 0
        want = wanted()
        TARGET.mkdir(parents=True, exist_ok=True)
        for path in TARGET.glob("*.yaml"):
            if path.name not in want:
                path.unlink()
        for name, text in want.items():
            (TARGET / name).write_text(text)
    except Unexpected as error:
        print(f"sync-chart-crds: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
