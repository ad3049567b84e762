#!/usr/bin/env python3
"""Checks everything that is applied to a cluster: config/ and charts/sluice.

    .venv/bin/python hack/check-manifests.py --sluice .build/debug/sluice --kubectl .venv/bin/kubectl

Renders with the real kubectl and the Helm SDK, offline, and looks at the objects. One line for each thing that is wrong; exits 1
when there is any. hack/test.sh runs it; hack/setup.sh --tests installs what it needs.
"""

import argparse
import copy
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

from chart_cases import BAD_VALUES, VARIANTS

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "sluice"
NAMESPACE = "sluice-system"
GROUP = "sluice.dev"

# What the operator's code asks of the API server: (group, resource and perhaps the only name) -> verbs. More than this in a
# role is a fault, as is less.
OPERATOR_CLUSTER_WIDE = {
    (GROUP, "pipelines"): {"get", "list", "watch"},
    (GROUP, "pipelineruns"): {"get", "list", "watch", "create", "patch", "delete"},
    (GROUP, "scheduledruns"): {"get", "list", "watch"},
    (GROUP, "scheduledruns/status"): {"patch"},
    (GROUP, "scheduledruns/finalizers"): {"update"},
    (GROUP, "pipelineruns/status"): {"get", "update", "patch"},
    (GROUP, "pipelineruns/finalizers"): {"update"},
    (GROUP, "queues"): {"get", "list", "watch"},
    (GROUP, "queues/status"): {"patch"},
    ("", "nodes"): {"get", "list", "watch"},
    ("", "namespaces"): {"get", "list", "watch"},
    ("scheduling.k8s.io", "priorityclasses"): {"get", "list", "watch"},
    ("", "pods"): {"get", "list", "watch", "create", "patch", "delete"},
    ("", "services"): {"get", "create"},
    ("", "events"): {"create", "patch"},
}
OPERATOR_OWN_NAMESPACE = {
    ("coordination.k8s.io", "leases"): {"create"},
    ("coordination.k8s.io", "leases sluice-operator"): {"get", "update"},
}
# Beside these, where it serves the webhook.
WEBHOOK_CLUSTER_WIDE = {
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations sluice"): {"get", "update"},
}
WEBHOOK_OWN_NAMESPACE = {
    ("", "secrets"): {"create"},
    ("", "secrets sluice-webhook-tls"): {"get", "update"},
}

# Of all annotations of an object; kubectl apply keeps the whole object in one.
ANNOTATION_LIMIT = 256 * 1024 - 4096

CLUSTER_SCOPED = {
    "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "ValidatingWebhookConfiguration",
}
KINDS = CLUSTER_SCOPED | {"Deployment", "ServiceAccount", "Role", "RoleBinding", "Service", "ServiceMonitor"}

Object = dict[str, Any]


class Wrong(Exception):
    """Something that cannot be looked at further."""


class KubernetesLoader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """Reads YAML as kubectl does: `y` and `n` are booleans too, as on and off are."""

    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


KubernetesLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$"), list("yYnN"))


def one_line(text: object) -> str:
    return " ".join(str(text).split())


def documents(text: str, where: str) -> list[Object]:
    """The objects of a YAML stream."""
    try:
        found = [document for document in yaml.load_all(text, KubernetesLoader) if document is not None]
    except yaml.YAMLError as error:
        raise Wrong(f"{where}: not YAML: {one_line(error)}") from error
    for document in found:
        if not isinstance(document, dict):
            raise Wrong(f"{where}: expected objects only, found {document!r}")
    return found


def names(items: list[Object]) -> dict[tuple[str, str], Object]:
    return {(item.get("kind", ""), item.get("metadata", {}).get("name", "")): item for item in items}


def odd_keys(value: Any, path: str = "") -> Iterator[str]:
    """Paths of keys that are no strings once kubectl has read them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield f"{path}.{key}"
            yield from odd_keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from odd_keys(inner, f"{path}[{index}]")


class Checks:
    def __init__(self, sluice: Path, kubectl: Path) -> None:
        self.sluice = sluice
        self.kubectl = kubectl
        self.faults: list[str] = []
        self.looked_at = 0

    def fault(self, sentence: str) -> None:
        if sentence not in self.faults:
            self.faults.append(sentence)

    def expect(self, condition: Any, sentence: str) -> None:
        self.looked_at += 1
        if not condition:
            self.fault(sentence)

    # Reading

    def command(self, *arguments: str | Path) -> str:
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Wrong(f"{Path(arguments[0]).name} did not run: {error}") from error
        if done.returncode:
            called = " ".join([Path(arguments[0]).name, *map(str, arguments[1:])])
            raise Wrong(f"{called}: exit {done.returncode}: {one_line(done.stderr)}")
        return done.stdout

    def kustomize(self, directory: str) -> list[Object]:
        return documents(self.command(self.kubectl, "kustomize", directory), directory)

    def files(self, directory: str) -> dict[str, list[Object]]:
        """The manifests of a directory, as they are, by name."""
        result = {}
        for path in sorted((ROOT / directory).glob("*.yaml")):
            if path.name != "kustomization.yaml":
                result[path.name] = documents(path.read_text(), f"{directory}/{path.name}")
        for name, items in result.items():
            for path in (path for item in items for path in odd_keys(item)):
                self.fault(f"{directory}/{name}: the key at {path} is no string for kubectl: put it in quotes")
        return result

    def render(self, values: Object, release: str = "sluice", namespace: str = NAMESPACE) -> list[Object]:
        try:
            with helm_python.Chart.load(CHART) as chart:
                manifests = chart.render(values, name=release, namespace=namespace)
        except helm_python.HelmError as error:
            raise Wrong(f"charts/sluice: does not render with {json.dumps(values)}: {one_line(error)}") from error
        return [
            item
            for name, text in sorted(manifests.items())
            if name.endswith(".yaml")
            for item in documents(text, f"charts/sluice: {name} with {json.dumps(values)}")
        ]

    # Whole directories

    def check_crds(self) -> None:
        """config/crd is what the Swift types say, and the chart has the same."""
        printed = names(documents(self.command(self.sluice, "crds"), "sluice crds"))
        self.expect(printed, "sluice crds: expected CRDs, it printed none")
        seen = {}
        for name, items in self.files("config/crd").items():
            for key, item in names(items).items():
                seen[key] = item
                size = len(json.dumps(item, separators=(",", ":")))
                self.expect(
                    size <= ANNOTATION_LIMIT,
                    f"config/crd/{name}: is {size} bytes as JSON, more than the {ANNOTATION_LIMIT} that kubectl apply can "
                    "keep in its annotation",
                )
                self.expect(
                    printed.get(key) == item,
                    f"config/crd/{name}: is not what `sluice crds` prints: run hack/generate-crds.sh",
                )
        for kind, name in printed.keys() - seen.keys():
            self.fault(f"config/crd: {kind} {name} is missing: run hack/generate-crds.sh")
        rendered = names(self.kustomize("config/crd"))
        self.expect(rendered == seen, "config/crd/kustomization.yaml: expected it to name every CRD of the directory")

        path = ROOT / "hack" / "sync-chart-crds.py"
        spec = importlib.util.spec_from_file_location("sync_chart_crds", path)
        assert spec and spec.loader
        sync = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sync)
        try:
            for name in sync.stale():
                self.fault(f"charts/sluice/templates/crds/{name}: is not current: run hack/sync-chart-crds.py")
        except sync.Unexpected as error:
            raise Wrong(str(error)) from error
        for keep in (True, False):
            for key, item in names(self.render({"crd": {"keep": keep}})).items():
                if key[0] != "CustomResourceDefinition":
                    continue
                item = plain(item)
                annotations = item["metadata"].get("annotations", {})
                policy = annotations.pop("helm.sh/resource-policy", None)
                if not annotations:
                    item["metadata"].pop("annotations", None)
                self.expect(
                    policy == ("keep" if keep else None),
                    f"charts/sluice: {key[1]} has the resource policy {policy} when crd.keep is {json.dumps(keep)}",
                )
                self.expect(item == plain(seen.get(key, {})), f"charts/sluice: {key[1]} renders unlike config/crd")

    def check_samples(self) -> None:
        """The samples are Sluice's, and the kustomization has all of them."""
        files = self.files("config/samples")
        self.expect(files, "config/samples: expected samples there")
        for name, items in files.items():
            for item in items:
                where = f"config/samples/{name}: {item.get('kind')} {item.get('metadata', {}).get('name')}"
                self.expect(item.get("apiVersion", "").startswith(GROUP + "/"), f"{where}: expected the group {GROUP}")
                self.expect("namespace" not in item.get("metadata", {}), f"{where}: expected no namespace in a sample")
        rendered = names(self.kustomize("config/samples"))
        for name, items in files.items():
            for kind, called in names(items).keys() - rendered.keys():
                self.fault(f"config/samples/kustomization.yaml: expected {name} with its {kind} {called} among the resources")

    def check_kustomization(self) -> list[Object]:
        for directory in ("config/rbac", "config/manager", "config/default"):
            self.files(directory)
        items = self.kustomize("config/default")
        self.check_objects(items, "config/default", NAMESPACE)
        self.check_operator(items, "config/default", NAMESPACE)
        self.expect(("Namespace", NAMESPACE) in names(items), f"config/default: expected the Namespace {NAMESPACE}")
        return items

    def check_chart(self, kustomized: list[Object]) -> None:
        """The chart lints, refuses what is wrong, and renders what config/default does."""
        report = helm_python.lint(CHART, strict=True, namespace=NAMESPACE)
        for message in report["messages"]:
            self.expect(message["severity"] < 2, f"charts/sluice: lint: {message['path']}: {message['error']}")
        for error in report["errors"]:
            self.fault(f"charts/sluice: lint: {error}")

        for values in BAD_VALUES:
            with helm_python.Chart.load(CHART) as chart:
                try:
                    chart.validate_schema(values)
                    self.fault(f"charts/sluice/values.schema.json: expected it to refuse {json.dumps(values)}")
                except helm_python.HelmValuesError:
                    self.looked_at += 1

        # Of the two the chart alone leaves the namespace to whoever installs it.
        ours = {key: plain(item) for key, item in names(kustomized).items() if key[0] != "Namespace"}
        charts = {key: plain(item) for key, item in names(self.render({"crd": {"keep": False}})).items()}
        for kind, name in ours.keys() ^ charts.keys():
            where = "config/default" if (kind, name) in ours else "charts/sluice"
            self.fault(f"{where}: only there is a {kind} {name}, expected it in the chart and in config/default")
        for key in ours.keys() & charts.keys():
            for path in differences(ours[key], charts[key]):
                self.fault(f"{key[0]} {key[1]}: config/default and charts/sluice differ at {path}")

        for values, release, wanted in VARIANTS:
            where = f"charts/sluice with {json.dumps(values)} as {release}"
            items = self.render(values, release, "elsewhere")
            self.check_objects(items, where, "elsewhere", values)
            if values.get("rbac", {}).get("create", True):
                self.check_operator(items, where, "elsewhere")
            try:
                satisfied = wanted(items)
            except (KeyError, IndexError):
                satisfied = False
            self.expect(satisfied, f"{where}: the objects are not what the values ask for")

    # Objects

    def check_objects(self, items: list[Object], where: str, namespace: str, values: Object | None = None) -> None:
        """What holds for objects of any kind, and for the pods of workloads."""
        known = names(items)
        self.expect(len(known) == len(items), f"{where}: expected every object once")
        for (kind, name), item in known.items():
            called = f"{where}: {kind} {name}"
            metadata = item.get("metadata", {})
            self.expect(kind in KINDS, f"{called}: an unexpected kind")
            self.expect(item.get("apiVersion"), f"{called}: expected an apiVersion")
            self.expect(re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", name), f"{called}: not a good name")
            for path in odd_keys(item):
                self.fault(f"{called}: the key at {path} is no string")
            if kind in CLUSTER_SCOPED:
                self.expect("namespace" not in metadata, f"{called}: is of the whole cluster, expected no namespace")
            else:
                self.expect(metadata.get("namespace") == namespace, f"{called}: expected the namespace {namespace}")
            if kind != "CustomResourceDefinition":
                self.expect(
                    metadata.get("labels", {}).get("app.kubernetes.io/name") == "sluice",
                    f"{called}: expected the label app.kubernetes.io/name: sluice",
                )
            if kind == "Deployment":
                self.check_deployment(item, called, known, values or {})
            if kind == "Service":
                self.check_service(item, called, items)
            if kind == "ValidatingWebhookConfiguration":
                self.check_webhooks(item, called, known, namespace)
            if kind == "ServiceMonitor":
                wanted = item["spec"]["selector"]["matchLabels"].items()
                found = [i for i in items if i["kind"] == "Service" and wanted <= i["metadata"]["labels"].items()]
                self.expect(len(found) == 1, f"{called}: expected its selector to find one Service")
                ports = {port["name"] for service in found for port in service["spec"]["ports"]}
                for endpoint in item["spec"]["endpoints"]:
                    self.expect(endpoint["port"] in ports, f"{called}: no Service has the port {endpoint['port']}")

    def check_webhooks(self, item: Object, called: str, known: dict[tuple[str, str], Object], namespace: str) -> None:
        """It calls a Service of ours, sees all of our kinds, and never keeps anybody from anything while nobody answers."""
        # The name that the operator knows it by.
        self.expect(item["metadata"]["name"] == "sluice", f"{called}: expected the name sluice")
        for webhook in item["webhooks"]:
            service = webhook["clientConfig"]["service"]
            self.expect(service["namespace"] == namespace, f"{called}: expected a Service of the namespace {namespace}")
            ports = known.get(("Service", service["name"]), {}).get("spec", {}).get("ports", [])
            self.expect([port["port"] for port in ports] == [service["port"]], f"{called}: no Service has its port")
            self.expect("caBundle" not in webhook["clientConfig"], f"{called}: the operator fills in the caBundle")
            self.expect(webhook["failurePolicy"] == "Ignore", f"{called}: expected the failurePolicy Ignore")
            self.expect(webhook["sideEffects"] == "None", f"{called}: expected no side effects, so that dry runs are reviewed")
            resources = sorted(resource for rule in webhook["rules"] for resource in rule["resources"])
            kinds = sorted(path.stem.removeprefix(GROUP + "_") for path in (ROOT / "config" / "crd").glob(GROUP + "_*.yaml"))
            self.expect(resources == kinds, f"{called}: expected it to be asked about {kinds}")
        arguments = known[("Deployment", next(n for k, n in known if k == "Deployment"))]["spec"]["template"]["spec"]
        self.expect(
            "--webhook-address=:9443" in arguments["containers"][0]["args"], f"{called}: the operator does not serve it")

    def check_service(self, item: Object, called: str, items: list[Object]) -> None:
        """It finds the pods of a workload, by ports that these have."""
        templates = [other["spec"]["template"] for other in items if other["kind"] == "Deployment"]
        found = [t for t in templates if item["spec"]["selector"].items() <= t["metadata"]["labels"].items()]
        self.expect(len(found) == 1, f"{called}: expected its selector to find the pods of one Deployment")
        names_of_ports = {port["name"] for t in found for c in t["spec"]["containers"] for port in c.get("ports", [])}
        for port in item["spec"]["ports"]:
            self.expect(port["targetPort"] in names_of_ports, f"{called}: no container has the port {port['targetPort']}")

    def check_deployment(self, item: Object, called: str, known: dict[tuple[str, str], Object], values: Object) -> None:
        spec = item["spec"]
        template = spec["template"]
        pod = template["spec"]
        labels = template["metadata"]["labels"].items()
        self.expect(spec["selector"]["matchLabels"].items() <= labels, f"{called}: the selector misses its own pods")
        for constraint in pod.get("topologySpreadConstraints", []):
            self.expect(
                constraint["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"],
                f"{called}: the topology spread counts other pods than its own",
            )
        account = pod.get("serviceAccountName", "default")
        if values.get("serviceAccount", {}).get("create", True):
            self.expect(("ServiceAccount", account) in known, f"{called}: there is no ServiceAccount {account}")
        # What the pod security standard "restricted" asks for.
        context = pod.get("securityContext", {})
        self.expect(context.get("runAsNonRoot") is True, f"{called}: expected runAsNonRoot")
        seccomp = context.get("seccompProfile", {}).get("type")
        self.expect(seccomp == "RuntimeDefault", f"{called}: expected the seccomp profile RuntimeDefault")
        self.expect(not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & pod.keys(), f"{called}: expected nothing of the host")
        for container in pod["containers"]:
            context = container.get("securityContext", {})
            self.expect(context.get("allowPrivilegeEscalation") is False, f"{called}: expected no privilege escalation")
            self.expect(context.get("readOnlyRootFilesystem") is True, f"{called}: expected a read-only root file system")
            self.expect(context.get("capabilities") == {"drop": ["ALL"]}, f"{called}: expected all capabilities dropped")
            self.expect(container.get("args", [""])[0] == "operator", f"{called}: expected the argument operator first")
            self.expect(
                re.fullmatch(r"[^\s:@]+(:\d+/[^\s:@]+)?(:[\w][\w.-]*|@sha256:[0-9a-f]{64})", container["image"])
                and not container["image"].endswith(":latest"),
                f"{called}: expected an image with a tag or a digest, found {container['image']}",
            )
            ports = {port["name"] for port in container.get("ports", [])}
            for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
                asked = container.get(probe, {}).get("httpGet", {})
                self.expect(asked.get("path") == path, f"{called}: expected a {probe} that asks for {path}")
                self.expect(asked.get("port") in ports, f"{called}: the {probe} asks for a port that is not there")
            fields = {e["name"]: e.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") for e in container["env"]}
            for variable, path in (("POD_NAMESPACE", "metadata.namespace"), ("POD_NAME", "metadata.name")):
                self.expect(fields.get(variable) == path, f"{called}: expected the variable {variable} from {path}")

    def check_operator(self, items: list[Object], where: str, namespace: str) -> None:
        """The operator's account can do what its code does, and nothing else; no role of ours has a wildcard."""
        known = names(items)
        deployment = next((item for item in items if item["kind"] == "Deployment"), None)
        if deployment is None:
            return self.fault(f"{where}: expected a Deployment")
        account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
        granted: dict[str, dict[tuple[str, str], set[str]]] = {"ClusterRole": {}, "Role": {}}
        for item in items:
            if item["kind"] not in ("ClusterRoleBinding", "RoleBinding"):
                continue
            called = f"{where}: {item['kind']} {item['metadata']['name']}"
            reference = item["roleRef"]
            role = known.get((reference["kind"], reference["name"]))
            if role is None:
                self.fault(f"{called}: there is no {reference['kind']} {reference['name']}")
                continue
            subjects = [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
            self.expect(item["subjects"] == subjects, f"{called}: expected the subject {namespace}/{account} alone")
            expected = "ClusterRole" if item["kind"] == "ClusterRoleBinding" else "Role"
            self.expect(reference["kind"] == expected, f"{called}: expected it to bind a {expected}")
            for key, verbs in rights(role).items():
                granted[reference["kind"]].setdefault(key, set()).update(verbs)
        hooked = any(item["kind"] == "ValidatingWebhookConfiguration" for item in items)
        for kind, needed in (
            ("ClusterRole", OPERATOR_CLUSTER_WIDE | (WEBHOOK_CLUSTER_WIDE if hooked else {})),
            ("Role", OPERATOR_OWN_NAMESPACE | (WEBHOOK_OWN_NAMESPACE if hooked else {})),
        ):
            for key in needed.keys() | granted[kind].keys():
                resource = "/".join(filter(None, key))
                missing = needed.get(key, set()) - granted[kind].get(key, set())
                surplus = granted[kind].get(key, set()) - needed.get(key, set())
                self.expect(not missing, f"{where}: the operator's {kind} misses {sorted(missing)} on {resource}")
                self.expect(not surplus, f"{where}: the operator's {kind} needs no {sorted(surplus)} on {resource}")
        for item in items:
            if item["kind"] not in ("ClusterRole", "Role"):
                continue
            called = f"{where}: {item['kind']} {item['metadata']['name']}"
            for (group, resource), verbs in rights(item).items():
                self.expect("*" not in {group, resource, *verbs}, f"{called}: expected no wildcard")
                if any("/aggregate-to-" in label for label in item["metadata"]["labels"]):
                    self.expect(group == GROUP and "/" not in resource, f"{called}: tenants get no {resource}")


def rights(role: Object) -> dict[tuple[str, str], set[str]]:
    """(group, resource) -> verbs of a role; of rules for certain objects, (group, resource and name)."""
    result: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    result.setdefault((group, f"{resource} {name}".strip()), set()).update(rule["verbs"])
    return result


# What Helm puts on objects beyond what they are.
HELM_LABELS = {
    "helm.sh/chart",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
}


def plain(value: Any, key: str = "") -> Any:
    """An object without Helm's labels; equal for chart and kustomization where both mean the same."""
    if isinstance(value, dict):
        result = {name: plain(inner, name) for name, inner in value.items()}
        if key in ("labels", "matchLabels", "selector"):
            result = {name: inner for name, inner in result.items() if name not in HELM_LABELS}
        if key == "metadata" and result.get("labels") == {}:
            if value["labels"].keys() & HELM_LABELS:
                # CRDs have the name of the application from the chart alone.
                del result["labels"]
        if key == "" and result.get("kind") == "CustomResourceDefinition":
            result["metadata"] = {k: v for k, v in result["metadata"].items() if k != "labels"}
        return result
    if isinstance(value, list):
        return [plain(inner, "item") for inner in value]
    return copy.copy(value)


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif one != other:
        yield f"{path}: {json.dumps(one)} and {json.dumps(other)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks config/ and charts/sluice.")
    parser.add_argument("--sluice", type=Path, default=ROOT / ".build/debug/sluice", help="the built command")
    parser.add_argument("--kubectl", type=Path, default=ROOT / ".venv/bin/kubectl")
    arguments = parser.parse_args()
    checks = Checks(arguments.sluice.absolute(), arguments.kubectl.absolute())

    def attempt(check: Callable[..., Any], *given: Any) -> Any:
        try:
            return check(*given)
        except (Wrong, helm_python.HelmError) as error:
            checks.fault(one_line(error))
            return None

    attempt(checks.check_crds)
    attempt(checks.check_samples)
    kustomized = attempt(checks.check_kustomization)
    if kustomized is not None:
        attempt(checks.check_chart, kustomized)
    for sentence in checks.faults:
        print(f"check-manifests: {sentence}", file=sys.stderr)
    if checks.faults:
        return 1
    print(f"check-manifests: {checks.looked_at} facts of config/ and charts/sluice hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
