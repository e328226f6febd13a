"""Pairs of recorded runs with exactly one known difference in an unusual place: it is named, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.core.compare.runs import run_of
from tests.core.compare.test_pairs import Run, another_time, ended

from wfreport.core.compare.changes import find_changes
from wfreport.core.compare.durations import durations_by_step, run_seconds, slower_steps, step_durations
from wfreport.core.compare.words import in_words

Edit = Callable[[Run], object]

SECONDS = 600


def template(run: Run, name: str) -> dict[str, Any]:
    """Return a template, or the one that is stored under a name that ends so."""
    stored = run["status"].get("storedTemplates") or {}
    found: list[dict[str, Any]] = [each for each in run["spec"]["templates"] if each["name"] == name]
    return (found or [each for key, each in stored.items() if key.endswith(f"/{name}")])[0]


def call(run: Run, caller: str, step: str) -> dict[str, Any]:
    """Return a step or task of a template."""
    outer = template(run, caller)
    calls = [*outer.get("dag", {}).get("tasks", ()), *(each for group in outer.get("steps", ()) for each in group)]
    return next(each for each in calls if each["name"] == step)


def named(run: Run, name: str) -> dict[str, Any]:
    return next(each for each in run["spec"]["arguments"]["parameters"] if each["name"] == name)


def container(run: Run, caller: str, name: str) -> dict[str, Any]:
    """Return a container of a container set, a sidecar or an init container."""
    outer = template(run, caller)
    lists = (outer.get("containerSet", {}).get("containers"), outer.get("sidecars"), outer.get("initContainers"))
    return next(each for listed in lists for each in listed or () if each["name"] == name)


def node(run: Run, name: str) -> dict[str, Any]:
    """Return the node by its path in the run."""
    root = run["metadata"]["name"]
    nodes = {re.sub(r"\[\d+\]", "", each["name"]): each for each in run["status"]["nodes"].values()}
    found: dict[str, Any] = nodes[f"{root}{name}"]
    return found


def slow(*names: str) -> Edit:
    """Make steps take longer, and with them the run. Groups are named after what they enclose."""

    def edit(run: Run) -> None:
        root = next(each for each in run["status"]["nodes"].values() if each["name"] == run["metadata"]["name"])
        for each in (*(node(run, name) for name in names), root, run["status"]):
            end = datetime.fromisoformat(each["finishedAt"]) + timedelta(seconds=SECONDS)
            each["finishedAt"] = end.isoformat().replace("+00:00", "Z")

    return edit


def sets(target: Callable[[Run], Any], **fields: Any) -> Edit:
    """Set fields, or take away those that are None."""

    def edit(run: Run) -> None:
        part = target(run)
        part.update(fields)
        for key in [key for key, value in part.items() if value is None]:
            del part[key]

    return edit


def at(*path: str | int) -> Callable[[Run], Any]:
    def find(run: Run) -> Any:
        part: Any = run
        for key in path:
            part = part[key]
        return part

    return find


def of_template(name: str, *path: str | int) -> Callable[[Run], Any]:
    return lambda run: at(*path)(template(run, name))


def of_call(caller: str, step: str, *path: str | int) -> Callable[[Run], Any]:
    return lambda run: at(*path)(call(run, caller, step))


def of_container(caller: str, name: str, *path: str | int) -> Callable[[Run], Any]:
    return lambda run: at(*path)(container(run, caller, name))


def nothing(_: Run) -> None:
    """Change nothing."""


FETCH = {"name": "fetch", "image": "fetch:1", "command": ["get"], "resources": {"limits": {"memory": "1Gi"}}}


def with_fetch(run: Run) -> None:
    template(run, "man")["initContainers"] = [{**FETCH}]


def compiled(letter: str, image: str) -> Edit:
    """Make a task refer to a parameter that is named after its value, as Kubeflow Pipelines does."""

    def edit(run: Run) -> None:
        run["spec"]["arguments"]["parameters"] = [{"name": f"components-{letter * 64}", "value": image}]
        reference = f"{{{{workflow.parameters.components-{letter * 64}}}}}"
        for task in template(run, "main")["dag"]["tasks"]:
            task["arguments"] = {"parameters": [{"name": "component", "value": reference}]}

    return edit


def renamed_task(run: Run) -> None:
    call(run, "nested-diamond", "C")["name"] = "E"
    call(run, "nested-diamond", "D")["depends"] = "B && E"


def another_attempt(run: Run) -> None:
    first = node(run, ".hello1(0)")
    again = {**first, "id": f"{first['id']}0", "name": first["name"].replace("(0)", "(1)"), "displayName": "hello1(1)"}
    first |= {"phase": "Failed", "message": "Error (exit code 1)"}
    node(run, ".hello1")["children"].append(again["id"])
    run["status"]["nodes"][again["id"]] = again


def reordered(name: str) -> Edit:
    return lambda run: template(run, name)["dag"]["tasks"].reverse()


CLUSTER, NESTED = "ex-cluster-workflow-template--cluster-wftmpl-dag", "ex-dag-nested"
GRAPH = "ex-container-set-template--graph-workflow-image-lookup-failed"
REFERRING = "ex-workflow-template--retry-with-steps"
STORED = "namespaced/workflow-template-random-fail-template/random-fail-template"
MUTEX = "ex-synchronization-mutex-tmpl-level"
RESOURCES = "ex-pod-resources-template-override"

PAIRS: dict[str, tuple[str, Edit, list[str]]] = {
    # referenced templates and defaults
    "image of a stored template": (
        CLUSTER,
        sets(of_template("print-message", "container"), image="busybox:1.37"),
        ["image busybox → busybox:1.37"],
    ),
    "argument in a stored DAG": (
        CLUSTER,
        sets(of_call("inner-diamond", "inner-B", "arguments", "parameters", 0), value="x"),
        ["step inner-B changed (arguments)"],
    ),
    "task that is new in a stored DAG": (
        CLUSTER,
        lambda run: template(run, "inner-diamond")["dag"]["tasks"].append(
            {"name": "inner-E", "template": "print-message"}
        ),
        ["step inner-E is new"],
    ),
    "arguments of a stored template": (
        REFERRING,
        sets(of_template("random-fail-template", "container"), args=["x"]),
        [f"template {STORED} changed (args)"],
    ),
    "retries of a stored template": (
        REFERRING,
        sets(of_template("random-fail-template", "retryStrategy"), limit=3),
        [f"template {STORED} changed (retryStrategy.limit 10 → 3)"],
    ),
    "reference to another template": (
        REFERRING,
        sets(of_call("retry-with-steps", "hello2b", "templateRef"), template="other"),
        ["step hello2b changed (template)"],
    ),
    "timeout of all templates": (
        "ex-template-defaults",
        sets(at("spec", "templateDefaults"), timeout="60s"),
        ["template templateDefaults changed (timeout 30s → 60s)"],
    ),
    "retries of all templates": (
        "ex-template-defaults",
        sets(at("spec", "templateDefaults", "retryStrategy"), limit="5"),
        ["template templateDefaults changed (retryStrategy.limit 2 → 5)"],
    ),
    "image of all templates": (
        "ex-template-defaults",
        sets(at("spec", "templateDefaults"), container={"image": "base:2"}),
        ["image (none) → base:2"],
    ),
    # patches, init containers, sidecars, volumes, sources
    "patch of all pods": (
        "ex-pod-spec-patch-wf-tmpl",
        sets(at("spec"), podSpecPatch="hostNetwork: true"),
        ["spec field podSpecPatch changed"],
    ),
    "patch of a pod": (
        "ex-pod-spec-patch-wf-tmpl",
        sets(of_template("hello-world"), podSpecPatch="{}"),
        ["template hello-world changed (podSpecPatch)"],
    ),
    "parameter of a patch": (
        "ex-pod-spec-patch-wf-tmpl",
        lambda run: named(run, "mem-limit").update(value="200Mi"),
        ["parameter mem-limit 100Mi → 200Mi"],
    ),
    "init container that is new": ("init-exit-64", with_fetch, ["image (none) → fetch:1"]),
    "sidecar's command": (
        RESOURCES,
        sets(of_container("large", "helper"), args=["sleep 20"]),
        ["template large changed (sidecars)"],
    ),
    "sidecar's rights": (
        "ex-sidecar-dind",
        sets(of_container("dind-sidecar-example", "dind", "securityContext"), privileged=False),
        ["template dind-sidecar-example changed (sidecars)"],
    ),
    "sidecar's image": (
        "ex-sidecar-dind",
        sets(of_container("dind-sidecar-example", "dind"), image="docker:20-dind"),
        ["image docker:19.03.13-dind → 20-dind"],
    ),
    "size of a claim": (
        "ex-volumes-pvc",
        sets(at("spec", "volumeClaimTemplates", 0, "spec", "resources", "requests"), storage="2Gi"),
        ["spec field volumeClaimTemplates changed"],
    ),
    "medium of a volume": (
        "ex-volumes-emptydir",
        sets(at("spec", "volumes", 0, "emptyDir"), medium="Memory"),
        ["spec field volumes changed"],
    ),
    "path of a mount": (
        "ex-volumes-emptydir",
        sets(of_template("volumes-emptydir-example", "container", "volumeMounts", 0), mountPath="/x"),
        ["template volumes-emptydir-example changed (volumeMounts)"],
    ),
    "source of a script": (
        "ex-scripts-python",
        sets(of_template("gen-random-int", "script"), source="print(4)\n"),
        ["template gen-random-int changed (source)"],
    ),
    "image of a script": (
        "ex-scripts-bash",
        sets(of_template("gen-random-int", "script"), image="alpine:3.24"),
        ["image alpine:3.23 → 3.24"],
    ),
    "source of an exit handler": (
        "ex-exit-handler-with-param",
        sets(of_template("exit", "script"), source="print(4)\n"),
        ["template exit changed (source)"],
    ),
    # loops, nesting, order
    "item of a loop": (
        "ex-loops-maps",
        sets(of_call("loop-map-example", "test-linux", "withItems", 1), tag="9"),
        ["step test-linux changed (loop)"],
    ),
    "JSON of a loop": (
        MUTEX,
        sets(of_call("synchronization-tmpl-level-mutex-example", "synchronization-acquire-lock"), withParam='["1"]'),
        ["step synchronization-acquire-lock changed (loop)"],
    ),
    "inner sequence": (
        "ex-withsequence-nested-result",
        sets(of_call("hello-hello", "hello-c", "withSequence"), start="2"),
        ["step hello-c changed (loop)"],
    ),
    "argument of an inner task": (
        NESTED,
        sets(of_call("nested-diamond", "B", "arguments", "parameters", 0), value="x"),
        ["step B changed (arguments)"],
    ),
    "renamed inner task": (NESTED, renamed_task, ["step C is now called E"]),
    "dependency of an inner task": (
        NESTED,
        sets(of_call("nested-diamond", "D"), depends="B"),
        ["template nested-diamond changed (order)"],
    ),
    "step that is gone deep inside": (
        "nested-3-deep-b",
        lambda run: template(run, "steps3")["steps"][0].pop(0),
        ["step fine is gone"],
    ),
    "argument deep inside": (
        "nested-3-deep-b",
        sets(of_call("steps3", "leaf", "arguments", "parameters", 0), value="67"),
        ["step leaf changed (arguments)"],
    ),
    "condition of a recursion": (
        "ex-recursive-for-loop",
        sets(of_call("loop", "continue"), when="1 < 2"),
        ["step continue changed (when)"],
    ),
    "limit of parallel tasks": (
        "ex-parallelism-nested-dag",
        sets(of_template("A"), parallelism=3),
        ["template A changed (parallelism 2 → 3)"],
    ),
    "fail fast": (
        "real-node-dag",
        sets(of_template("main", "dag"), failFast=None),
        ["template main changed (dag.failFast false → (none))"],
    ),
    # retries
    "limit of retries": (
        "ex-retry-with-steps",
        sets(of_template("random-fail", "retryStrategy"), limit="3"),
        ["template random-fail changed (retryStrategy.limit 10 → 3)"],
    ),
    "retries that are gone": (
        "retry-on-dag-template",
        sets(of_template("sub"), retryStrategy=None),
        ["template sub changed (retryStrategy.limit 1 → (none))"],
    ),
    "factor of a backoff": (
        "retry-backoff",
        sets(of_template("r", "retryStrategy", "backoff"), factor="3"),
        ["template r changed (retryStrategy.backoff.factor 2 → 3)"],
    ),
    "another attempt": ("ex-retry-with-steps", another_attempt, []),
    # hooks and exit handlers
    "hook of the run": (
        "hooks-workflow",
        sets(at("spec", "hooks", "failed"), template="fail"),
        ["spec field hooks changed"],
    ),
    "hook of a task": (
        "hooks-task-hook-fails",
        sets(of_call("main", "a", "hooks", "running"), template="slow"),
        ["step a changed (other fields)"],
    ),
    "expression of a hook": (
        "ex-life-cycle-hooks-tmpl-level",
        sets(of_call("main", "step2", "hooks", "success"), expression="true"),
        ["step step2 changed (other fields)"],
    ),
    "exit handler that is new": ("hooks-workflow", sets(at("spec"), onExit="ok"), ["spec field onExit (none) → ok"]),
    "exit hook of a task": (
        "onexit-template-level",
        sets(of_call("main", "a", "hooks", "exit"), template="ok"),
        ["step a changed (other fields)"],
    ),
    # container sets and inline templates
    "image in a container set": (
        GRAPH,
        sets(of_container("main", "b"), image="argoproj/argosay:v3"),
        ["image argosay:v2 → v3"],
    ),
    "dependency in a container set": (
        GRAPH,
        sets(of_container("main", "d"), dependencies=["b"]),
        ["template main changed (containerSet)"],
    ),
    "command in a container set": (
        "containerset-ok",
        sets(of_container("cs", "a"), command=["bash"]),
        ["template cs changed (containerSet)"],
    ),
    "retries of a container set": (
        "containerset-ok",
        sets(of_template("cs", "containerSet"), retryStrategy={"retries": "2"}),
        ["template cs changed (containerSet)"],
    ),
    "memory in a container set": (
        "containerset-ok",
        sets(of_container("cs", "b"), resources={"limits": {"memory": "64Mi"}}),
        ["resources of cs: b.limits.memory (none) → 64Mi"],
    ),
    "image of an inline template": (
        "inline-templates-b",
        sets(of_call("main", "b", "inline", "container"), image="busybox:1.37"),
        ["image busybox → busybox:1.37"],
    ),
    "arguments of an inline template": (
        "ex-steps-inline-workflow",
        sets(of_call("main", "a", "inline", "container"), args=["x"]),
        ["step a changed (template)"],
    ),
    "memory of an inline template": (
        "ex-dag-inline-workflow",
        sets(of_call("main", "a", "inline", "container"), resources={"limits": {"memory": "1Gi"}}),
        ["resources of main: a.limits.memory (none) → 1Gi"],
    ),
    # resources, scheduling, and other fields
    "memory of a pod": (
        RESOURCES,
        sets(of_template("large", "podResources", "limits"), memory="2Gi"),
        ["template large changed (podResources.limits.memory 1Gi → 2Gi)"],
    ),
    "memory of all pods": (
        RESOURCES,
        sets(at("spec", "podResources", "limits"), memory="1Gi"),
        ["spec field podResources.limits.memory 512Mi → 1Gi"],
    ),
    "selector with a parameter": (
        "ex-node-selector",
        sets(of_template("print-arch", "nodeSelector"), **{"beta.kubernetes.io/arch": "arm64"}),
        ["template print-arch changed (nodeSelector)"],
    ),
    "selector of a machine": (
        "ex-hello-hybrid",
        sets(of_template("hello-linux", "nodeSelector"), **{"kubernetes.io/os": "windows"}),
        ["template hello-linux changed (nodeSelector.kubernetes.io/os linux → windows)"],
    ),
    "condition of an object": (
        "ex-k8s-wait-wf",
        sets(of_template("wait-wf", "resource"), successCondition="x == y"),
        ["template wait-wf changed (resource)"],
    ),
    "time to live": (
        "ex-gc-ttl",
        sets(at("spec", "ttlStrategy"), secondsAfterFailure=50),
        ["spec field ttlStrategy.secondsAfterFailure 5 → 50"],
    ),
    "mutex": (
        MUTEX,
        sets(of_template("acquire-lock", "synchronization", "mutexes", 0), name="other"),
        ["template acquire-lock changed (synchronization)"],
    ),
    "semaphore": (
        "semaphore-waiting",
        sets(of_template("locked", "synchronization", "semaphores", 0, "configMapKeyRef"), key="m"),
        ["template locked changed (synchronization)"],
    ),
    "age of a cache": (
        "memoized-hit",
        sets(of_template("memo", "memoize"), maxAge="20m"),
        ["template memo changed (memoize.maxAge 10m → 20m)"],
    ),
    "garbage collection of an artifact": (
        "ex-artifact-gc-workflow",
        sets(of_template("main", "outputs", "artifacts", 0, "artifactGC"), strategy="Never"),
        ["template main changed (outputs)"],
    ),
    "source of a parameter": (
        "ex-global-parameters-from-configmap",
        lambda run: named(run, "message")["valueFrom"]["configMapKeyRef"].update(key="other"),
        ["spec field arguments.parameters changed"],
    ),
    "annotation": (
        "cron-child-fails",
        sets(of_template("fail", "metadata", "annotations"), **{"sim.kwok/exit-code": "2"}),
        ["template fail changed (metadata.annotations.sim.kwok/exit-code 1 → 2)"],
    ),
    "revision of a repository": (
        "ex-input-artifact-git",
        sets(of_template("git-clone", "inputs", "artifacts", 0, "git"), revision="v2.2.0"),
        ["template git-clone changed (inputs)"],
    ),
    "pull secret": (
        "ex-image-pull-secrets",
        sets(at("spec", "imagePullSecrets", 0), name="other"),
        ["spec field imagePullSecrets changed"],
    ),
    "claim of a device": (
        "ex-resource-claims",
        sets(at("spec", "resourceClaims", 0), resourceClaimTemplateName="other"),
        ["spec field resourceClaims changed"],
    ),
    "disruption budget": (
        "ex-default-pdb-support",
        sets(at("spec", "podDisruptionBudget"), minAvailable=1),
        ["spec field podDisruptionBudget.minAvailable 9999 → 1"],
    ),
    "deadline": (
        "ex-timeouts-step",
        sets(of_template("sleep"), activeDeadlineSeconds=20),
        ["template sleep changed (activeDeadlineSeconds 10 → 20)"],
    ),
    "metrics": (
        "ex-custom-metrics",
        sets(of_template("steps", "metrics", "prometheus", 0), help="other"),
        ["template steps changed (metrics)"],
    ),
    "daemon": (
        "ex-daemon-step",
        sets(of_template("influxdb"), daemon=None),
        ["template influxdb changed (daemon true → (none))"],
    ),
    "argument of a request": (
        "http-ok-and-fail",
        sets(of_call("main", "bad", "arguments", "parameters", 0), value="http://svc/500"),
        ["step bad changed (arguments)"],
    ),
    "revision that a person gives": (
        "ex-ci",
        lambda run: named(run, "revision").update(value="deadbee"),
        ["parameter revision cfe12d6 → deadbee"],
    ),
    # machines, persons
    "machine of one step": (
        NESTED,
        lambda run: node(run, ".B.C").update(hostNodeName="kwok-1"),
        ["machine kwok-0 → kwok-1"],
    ),
    "machine of a container set": (
        "containerset-ok",
        lambda run: node(run, ".set").update(hostNodeName="kwok-1"),
        ["machine kwok-0 → kwok-1"],
    ),
    # slow steps
    "slow item": (MUTEX, slow(".synchronization-acquire-lock(2:3)"), ["slow: synchronization-acquire-lock(2:3)"]),
    "slow item of a number": ("ex-parallelism-template-limit", slow(".sleep(6:60)"), ["slow: sleep(6:60)"]),
    "slow inner task": (NESTED, slow(".B.C", ".B"), ["slow: C of B"]),
    "slow attempt": ("ex-retry-with-steps", slow(".hello2a(0)", ".hello2a"), ["slow: hello2a"]),
    "slow step of three levels": ("nested-3-deep-b", slow(".l1.l2.l3.leaf"), ["slow: leaf"]),
    "slow only step": ("ex-gc-ttl", slow(), ["slow: the only step"]),
    "slow step of a container set": ("containerset-ok", slow(".set"), ["slow: set"]),
    "slow step of a stored DAG": (CLUSTER, slow(".C.inner-C", ".C"), ["slow: inner-C"]),
    # nothing
    "image in another spelling": (
        "ex-sidecar-dind",
        sets(of_container("dind-sidecar-example", "dind"), image="docker.io/library/docker:19.03.13-dind"),
        [],
    ),
    "order of tasks": ("real-node-dag", reordered("main"), []),
    "order of inner tasks": (NESTED, reordered("nested-diamond"), []),
    "memory of a pod in another unit": (
        RESOURCES,
        sets(of_template("large", "podResources", "limits"), memory="1024Mi"),
        [],
    ),
    "the same hooks": ("hooks-workflow", nothing, []),
    "the same loop": ("ex-ci", nothing, []),
}

BOTH: dict[str, tuple[str, Edit, Edit, list[str]]] = {
    "command of an init container": (
        "init-exit-64",
        with_fetch,
        sets(of_container("man", "fetch"), command=["put"]),
        ["template man changed (initContainers)"],
    ),
    "memory of an init container": (
        "init-exit-64",
        with_fetch,
        sets(of_container("man", "fetch"), resources={"limits": {"memory": "2Gi"}}),
        ["resources of man: fetch.limits.memory 1Gi → 2Gi"],
    ),
    "image of an init container": (
        "init-exit-64",
        with_fetch,
        sets(of_container("man", "fetch"), image="fetch:2"),
        ["image fetch:1 → 2"],
    ),
    "component of Kubeflow": (
        "real-node-dag",
        compiled("a", "train:1"),
        compiled("b", "train:2"),
        [f"parameter components-{'b' * 64} train:1 → train:2"],
    ),
    "order of Kubeflow's tasks": ("real-node-dag", compiled("a", "train:1"), reordered("main"), []),
    "creator": (
        NESTED,
        lambda run: run["metadata"]["labels"].update({"workflows.argoproj.io/creator": "ann"}),
        lambda run: run["metadata"]["labels"].update({"workflows.argoproj.io/creator": "bob"}),
        ["creator ann → bob"],
    ),
}


def found(before: Run, after: Run) -> list[str]:
    old, new = run_of(before), run_of(after)
    excess = (run_seconds(new.status) or 0) - (run_seconds(old.status) or 0)
    earlier = durations_by_step([step_durations(old.status, old.name)])
    slower = slower_steps(excess, step_durations(new.status, new.name), earlier)
    return [*map(in_words, find_changes(old, new)), *(f"slow: {each.display_name}" for each in slower)]


ALL = {name: (case, nothing, edit, expected) for name, (case, edit, expected) in PAIRS.items()} | BOTH


@pytest.mark.parametrize(("case", "both", "edit", "expected"), ALL.values(), ids=ALL)
def test_one_difference_in_an_unusual_place_is_named(case: str, both: Edit, edit: Edit, expected: list[str]) -> None:
    before, after = ended(case), another_time(ended(case))
    both(before)
    both(after)
    edit(after)
    assert found(before, after) == expected
