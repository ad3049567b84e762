"""What people's own programs do, by the official Python client, against the cluster of a kubeconfig: client.py KUBECONFIG

Exits with 0 and prints `all right` when everything went as with any cluster.
"""
import sys
import threading
import time

from kubernetes import client, config, watch
from kubernetes.dynamic import DynamicClient

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
custom = client.CustomObjectsApi()
GROUP, VERSION, RUNS = "sluice.dev", "v1alpha1", "pipelineruns"
SPACE = "python-client"


def run(name, command, **spec):
    return {
        "apiVersion": f"{GROUP}/{VERSION}", "kind": "PipelineRun", "metadata": {"name": name, "namespace": SPACE},
        "spec": {"pipelineSpec": {"tasks": [{"name": "a", "container": {"image": "x", "command": command}}]}, **spec},
    }


def events_until(stream, done):
    """The objects that a watch brings, up to the one for which `done` holds."""
    seen = []
    for event in stream:
        seen.append(event)
        if done(event):
            return seen
    raise AssertionError(f"the watch ended: {[e['type'] for e in seen]}")


def phase(event):
    return (event["object"].get("status") or {}).get("phase")


# Discovery by the dynamic client: it finds the kinds of CRDs as any other.
dynamic = DynamicClient(client.ApiClient())
runs = dynamic.resources.get(api_version=f"{GROUP}/{VERSION}", kind="PipelineRun")
assert runs.namespaced and "prun" in runs.short_names
assert client.VersionApi().get_code().git_version.startswith("v1.")

core.create_namespace({"metadata": {"name": SPACE, "labels": {"made-by": "python"}}})
core.create_namespaced_config_map(SPACE, {"metadata": {"name": "settings"}, "data": {"GREETING": "hello"}})

# Create, and watch to the end from the version of a list.
before = custom.list_namespaced_custom_object(GROUP, VERSION, SPACE, RUNS)
assert before["items"] == []
body = run("first", ["sh", "-c", "echo $GREETING from python"])
body["spec"]["pipelineSpec"]["tasks"][0]["container"]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
custom.create_namespaced_custom_object(GROUP, VERSION, SPACE, RUNS, body)
seen = events_until(
    watch.Watch().stream(
        custom.list_namespaced_custom_object, GROUP, VERSION, SPACE, RUNS, timeout_seconds=60,
        resource_version=before["metadata"]["resourceVersion"]),
    lambda event: phase(event) == "Succeeded")
assert seen[0]["type"] == "ADDED" and len({e["object"]["metadata"]["uid"] for e in seen}) == 1
try:
    custom.create_namespaced_custom_object(GROUP, VERSION, SPACE, RUNS, body)
    raise AssertionError("created twice")
except client.ApiException as error:
    assert error.status == 409 and "AlreadyExists" in error.body

# Its pod, typed, and its log.
pod = core.list_namespaced_pod(SPACE, label_selector="sluice.dev/run=first").items[0]
assert pod.status.phase == "Succeeded" and pod.metadata.owner_references[0].kind == "PipelineRun"
assert pod.status.container_statuses[0].state.terminated.exit_code == 0
assert core.read_namespaced_pod_log(pod.metadata.name, SPACE) == "hello from python\n"
names = [event.reason for event in core.list_namespaced_event(SPACE).items]
assert "Succeeded" in names, names

# Server-side apply, twice: the second changes nothing.
def apply(labels):
    wanted = run("applied", ["true"])
    wanted["metadata"]["labels"] = labels
    return dynamic.server_side_apply(runs, body=wanted, namespace=SPACE, name="applied", field_manager="python")


apply({"stage": "one"})
events_until(
    watch.Watch().stream(
        custom.list_namespaced_custom_object, GROUP, VERSION, SPACE, RUNS, field_selector="metadata.name=applied",
        timeout_seconds=60),
    lambda event: phase(event) == "Succeeded")
once = apply({"stage": "one"}).metadata.resourceVersion
assert apply({"stage": "one"}).metadata.resourceVersion == once
changed = apply({"stage": "two"})
assert changed.metadata.labels.stage == "two" and changed.metadata.resourceVersion != once
assert changed.status.phase == "Succeeded", "an apply leaves the status alone"
try:
    dynamic.server_side_apply(
        runs, body={**run("applied", ["true"]), "metadata": {"name": "applied", "labels": {"stage": "three"}}},
        namespace=SPACE, name="applied", field_manager="somebody-else")
    raise AssertionError("applied over another manager's field")
except client.ApiException as error:
    assert error.status == 409 and "python" in str(error.body), error

# A log that is followed while the task writes, to its end.
custom.create_namespaced_custom_object(
    GROUP, VERSION, SPACE, RUNS,
    run("slow", ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.3; done"]))
started = events_until(
    watch.Watch().stream(
        core.list_namespaced_pod, SPACE, label_selector="sluice.dev/run=slow", timeout_seconds=60),
    lambda event: event["object"].status.phase in ("Running", "Succeeded"))
name = started[-1]["object"].metadata.name
lines = list(watch.Watch().stream(core.read_namespaced_pod_log, name, SPACE, follow=True))
assert lines == ["line 1", "line 2", "line 3"], lines

# An eviction: the task is tried again, at no cost.
custom.create_namespaced_custom_object(
    GROUP, VERSION, SPACE, RUNS, run("evicted", ["sleep", "600"]))
first = events_until(
    watch.Watch().stream(
        core.list_namespaced_pod, SPACE, label_selector="sluice.dev/run=evicted", timeout_seconds=60),
    lambda event: event["object"].status.phase == "Running")[-1]["object"].metadata.name
core.create_namespaced_pod_eviction(
    first, SPACE, {"metadata": {"name": first, "namespace": SPACE}, "deleteOptions": {"gracePeriodSeconds": 0}})
second = events_until(
    watch.Watch().stream(
        core.list_namespaced_pod, SPACE, label_selector="sluice.dev/run=evicted", timeout_seconds=60),
    lambda event: event["object"].metadata.name != first and event["object"].status.phase == "Running")
assert second[-1]["object"].metadata.labels["sluice.dev/attempt"] == "1"

# A merge patch cancels it.
custom.patch_namespaced_custom_object(GROUP, VERSION, SPACE, RUNS, "evicted", {"spec": {"state": "Cancelled"}})
ended = events_until(
    watch.Watch().stream(
        custom.list_namespaced_custom_object, GROUP, VERSION, SPACE, RUNS, field_selector="metadata.name=evicted",
        timeout_seconds=60),
    lambda event: phase(event) == "Cancelled")[-1]["object"]
assert ended["status"]["tasks"][0]["disruptions"] == 1, ended["status"]

# What belongs to a run goes with it; the namespace takes the rest.
custom.delete_namespaced_custom_object(
    GROUP, VERSION, SPACE, RUNS, "first", body=client.V1DeleteOptions(propagation_policy="Foreground"))
for _ in range(600):
    if not core.list_namespaced_pod(SPACE, label_selector="sluice.dev/run=first").items:
        break
    time.sleep(0.1)
else:
    raise AssertionError("the pod outlives its run")
core.delete_namespace(SPACE)
for _ in range(600):
    try:
        core.read_namespace(SPACE)
        time.sleep(0.1)
    except client.ApiException as error:
        assert error.status == 404
        break
else:
    raise AssertionError("the namespace does not go")
assert core.list_pod_for_all_namespaces(label_selector="sluice.dev/run").items == []

# Many watches at once, and a page of a list after the other.
for number in range(25):
    core.create_namespaced_config_map("default", {"metadata": {"name": f"m{number}", "labels": {"page": "yes"}}})
first = core.list_namespaced_config_map("default", label_selector="page=yes", limit=10)
pages, token = [len(first.items)], first.metadata._continue
while token:
    page = core.list_namespaced_config_map("default", label_selector="page=yes", limit=10, _continue=token)
    pages.append(len(page.items))
    token = page.metadata._continue
assert pages == [10, 10, 5], pages
ready = threading.Barrier(21, timeout=60)
found = []


def follow():
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "default", label_selector="page=yes", timeout_seconds=60)
    for _ in range(25):
        assert next(stream)["type"] == "ADDED"
    ready.wait()
    found.append(next(stream)["type"])


threads = [threading.Thread(target=follow) for _ in range(20)]
for thread in threads:
    thread.start()
ready.wait()
core.delete_namespaced_config_map("m0", "default")
for thread in threads:
    thread.join(timeout=60)
assert found == ["DELETED"] * 20, found
allowed = client.AuthorizationV1Api().create_self_subject_access_review(
    {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": "default"}}})
assert allowed.status.allowed
print("all right")
