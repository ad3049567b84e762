"""Values for the chart, what must come of them, and values that its schema must refuse; for check-manifests.py."""

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]


def the(kind: str, items: list[Object]) -> Object:
    return next((item for item in items if item["kind"] == kind), {})


def pod(items: list[Object]) -> Object:
    return the("Deployment", items)["spec"]["template"]["spec"]


def container(items: list[Object]) -> Object:
    return pod(items)["containers"][0]


def kinds(items: list[Object]) -> set[str]:
    return {item["kind"] for item in items}


DIGEST = "sha256:" + "0123456789abcdef" * 4
TOLERATION = {"key": "dedicated", "operator": "Equal", "value": "ops", "effect": "NoSchedule"}
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": "arch", "operator": "In", "values": ["amd64"]}]}]}}}

# Values, the release's name, and what must come of them.
VARIANTS: list[tuple[Object, str, Callable[[list[Object]], Any]]] = [
    ({}, "sluice", lambda items: the("Deployment", items)["metadata"]["name"] == "sluice-operator"),
    (
        {}, "sluice",
        lambda items: the("CustomResourceDefinition", items)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep",
    ),
    ({}, "pipelines", lambda items: the("Deployment", items)["metadata"]["name"] == "pipelines-sluice-operator"),
    ({}, "a" * 53, lambda items: len(the("Deployment", items)["metadata"]["name"]) <= 63),
    ({"fullnameOverride": "flows"}, "x", lambda items: the("Deployment", items)["metadata"]["name"] == "flows-operator"),
    ({"crd": {"enabled": False}}, "sluice", lambda items: "CustomResourceDefinition" not in kinds(items)),
    ({"crd": {"keep": False}}, "sluice", lambda items: "CustomResourceDefinition" in kinds(items)),
    (
        {"rbac": {"create": False, "aggregateToDefaultRoles": False}}, "sluice",
        lambda items: kinds(items) == {
            "CustomResourceDefinition", "Deployment", "Service", "ServiceAccount", "ValidatingWebhookConfiguration",
        },
    ),
    ({"rbac": {"aggregateToDefaultRoles": False}}, "sluice", lambda items: sum(i["kind"] == "ClusterRole" for i in items) == 1),
    (
        {"serviceAccount": {"create": False, "name": "robot"}}, "sluice",
        lambda items: "ServiceAccount" not in kinds(items) and pod(items)["serviceAccountName"] == "robot",
    ),
    (
        {"serviceAccount": {"name": "robot", "annotations": {"a.example/role": "x: y"}}}, "sluice",
        lambda items: the("ServiceAccount", items)["metadata"]["annotations"] == {"a.example/role": "x: y"},
    ),
    (
        {"image": {"repository": "localhost:5000/me/sluice", "tag": "dev"}}, "sluice",
        lambda items: container(items)["image"] == "localhost:5000/me/sluice:dev",
    ),
    (
        {"image": {"digest": DIGEST}}, "sluice",
        lambda items: container(items)["image"] == "ghcr.io/sluice-dev/sluice@" + DIGEST,
    ),
    (
        {"extraArgs": ["--log-level=debug", 'a "b": {{c}}'], "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://p:1"}]},
        "sluice",
        lambda items: container(items)["args"] == ["operator", "--webhook-address=:9443", "--log-level=debug", 'a "b": {{c}}']
        and container(items)["env"][-1] == {"name": "HTTPS_PROXY", "value": "http://p:1"},
    ),
    (
        {
            "nodeSelector": {"pool": "ops"}, "tolerations": [TOLERATION], "affinity": AFFINITY,
            "priorityClassName": "system-cluster-critical", "imagePullSecrets": [{"name": "registry"}], "replicas": 1,
        },
        "sluice",
        lambda items: pod(items)["nodeSelector"] == {"pool": "ops"} and pod(items)["tolerations"] == [TOLERATION]
        and pod(items)["affinity"] == AFFINITY and pod(items)["priorityClassName"] == "system-cluster-critical"
        and pod(items)["imagePullSecrets"] == [{"name": "registry"}] and the("Deployment", items)["spec"]["replicas"] == 1,
    ),
    (
        # Labels of the pods never change what the selector looks for.
        {"podLabels": {"team": "ml", "app.kubernetes.io/name": "other"}, "podAnnotations": {"note": "yes"}}, "sluice",
        lambda items: the("Deployment", items)["spec"]["template"]["metadata"] == {
            "labels": {
                "team": "ml", "app.kubernetes.io/name": "sluice", "app.kubernetes.io/instance": "sluice",
                "app.kubernetes.io/component": "operator",
            },
            "annotations": {"note": "yes"},
        },
    ),
    (
        {
            "metrics": {"enabled": False, "serviceMonitor": {"enabled": True}}, "webhook": {"enabled": False},
            "extraArgs": ["--workers=2"],
        },
        "sluice",
        lambda items: not {"Service", "ServiceMonitor", "ValidatingWebhookConfiguration"} & kinds(items)
        and container(items)["args"] == ["operator", "--metrics-address=0", "--workers=2"]
        and [port["name"] for port in container(items)["ports"]] == ["health"],
    ),
    (
        {"metrics": {"serviceMonitor": {"enabled": True, "interval": "1m", "labels": {"release": "p"}}}}, "sluice",
        lambda items: the("ServiceMonitor", items)["spec"]["endpoints"][0]["interval"] == "1m"
        and the("ServiceMonitor", items)["metadata"]["labels"]["release"] == "p",
    ),
    (
        {"resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": None}}, "sluice",
        lambda items: container(items)["resources"] == {"requests": {"cpu": "2", "memory": "1Gi"}},
    ),
]

# What values.schema.json must refuse.
BAD_VALUES: list[Object] = [
    {"replicas": "two"},
    {"replicas": -1},
    {"replica": 3},
    {"image": {"repository": ""}},
    {"image": {"tag": "a b"}},
    {"image": {"digest": "sha256:123"}},
    {"image": {"pullPolicy": "Sometimes"}},
    {"crd": {"kept": True}},
    {"extraArgs": "--verbose"},
    {"fullnameOverride": "Not_A_Name"},
    {"podLabels": {"a": 1}},
    {"resources": {"limit": {}}},
    {"metrics": {"serviceMonitor": {"interval": "often"}}},
    {"metrics": {"port": 9090}},
    {"webhook": {"enabled": "yes"}},
    {"webhook": {"failurePolicy": "Fail"}},
]
