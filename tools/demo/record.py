"""Records the demo's Workflows as the real Argo controller runs them, for machines without it.

Each line of a file in ``demo/recordings`` is a watch event, ``{"t": seconds, "kind", "type", "object"}``, as in
tests/recordings.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import yaml

from controlplane import ControlPlane
from controlplane.binaries import kubectl
from controlplane.waiting import wait_until
from demo.healed import HEALED, MEMORY, recorded_name
from demo.running import HERE, NAMESPACE
from demo.scenes import HUNG, WAIT_FOR_EVER, workflow_names

_KINDS: Final = {"workflows": "Workflow", "pods": "Pod", "events": "Event"}
_LABEL_WORKFLOW: Final = "workflows.argoproj.io/workflow"
_SETTLE_SECONDS: Final = 3

Line = dict[str, Any]


def main(names: Sequence[str] = ()) -> int:
    """Record the Workflows of these names, or all of them, one file each."""
    documents = {name: body for name, body in _workflows().items() if not names or name in names}
    with ControlPlane(argo=True) as plane:
        plane.create_namespace(NAMESPACE)
        lines = _record(plane, documents)
    for name, mine in _by_workflow(lines).items():
        path = HERE / "recordings" / f"{name}.jsonl.gz"
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in mine)
        # mtime 0: the same recording gives the same file.
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        sys.stdout.write(f"{path.name}: {len(mine)} events, {path.stat().st_size} bytes\n")
    return 0


def _workflows() -> dict[str, Any]:
    """Return all Workflows by name, with those that a policy makes of the one that it heals."""
    documents = {name: yaml.safe_load((HERE / "workflows" / f"{name}.yaml").read_text()) for name in workflow_names()}
    for attempt, memory in enumerate(MEMORY):
        text = json.dumps(documents[HEALED]).replace(f'"memory": "{MEMORY[0]}"', f'"memory": "{memory}"')
        document = json.loads(text)
        document["metadata"]["name"] = recorded_name(attempt)
        documents[recorded_name(attempt)] = document
    return documents


def _record(plane: ControlPlane, documents: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    watches = [_watch(plane, plural, lines) for plural in _KINDS]
    plane.kubectl("create", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump_all(documents.values()))
    try:
        wait_until(
            lambda: _all_ended(plane, len(documents)),
            what="the Workflows to end",
            timeout_seconds=300,
            interval_seconds=1,
        )
        threading.Event().wait(_SETTLE_SECONDS)  # The last Events arrive after the end.
    finally:
        for watch in watches:
            watch.terminate()
            watch.wait()
    return sorted(lines, key=lambda line: float(line["t"]))


def _watch(plane: ControlPlane, plural: str, lines: list[Line]) -> subprocess.Popen[str]:
    command = [str(kubectl()), f"--kubeconfig={plane.kubeconfig}", "get", plural, "-n", NAMESPACE]
    process = subprocess.Popen(
        [*command, "--watch", "--output-watch-events", "-o", "json"], stdout=subprocess.PIPE, text=True
    )
    threading.Thread(target=_read, args=(process.stdout, _KINDS[plural], lines), daemon=True).start()
    return process


def _read(stream: IO[str], kind: str, lines: list[Line]) -> None:
    """Read one event. kubectl writes it on one line, or indented and closed by a brace on its own line."""
    text = ""
    for part in stream:
        text += part
        if part == "}\n" or (text == part and part.endswith("}}\n")):
            event = json.loads(text)
            event["object"]["metadata"].pop("managedFields", None)
            lines.append({"t": round(_clock(), 3), "kind": kind, "type": event["type"], "object": event["object"]})
            text = ""


def _clock() -> float:
    return time.time()  # noqa: TID251  (a recording has the machine's own time, as its servers see it)


def _all_ended(plane: ControlPlane, number: int) -> bool:
    items = plane.api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows")["items"]
    return len(items) == number and all(_hangs(plane) if _name(item) == HUNG else _has_ended(item) for item in items)


def _name(document: dict[str, Any]) -> str:
    return str(document["metadata"]["name"])


def _hangs(plane: ControlPlane) -> bool:
    """Return whether the program of a step has ended while a sidecar keeps its pod alive."""
    pods = plane.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector={_LABEL_WORKFLOW}%3D{HUNG}")["items"]
    running = [pod["status"] for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    return any("terminated" in one["state"] for status in running for one in status["containerStatuses"])


def _has_ended(workflow: dict[str, Any]) -> bool:
    status = workflow.get("status", {})
    if _name(workflow) in WAIT_FOR_EVER:
        waits = (node for node in status.get("nodes", {}).values() if node["phase"] in ("Running", "Pending"))
        return any(node["type"] == "Suspend" or "ImagePullBackOff" in node.get("message", "") for node in waits)
    return bool(status.get("finishedAt"))


def _by_workflow(lines: list[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    owner: dict[str, str] = {}
    known = _workflows()
    for line in lines:
        name = _workflow_name(line, owner)
        if name in known:
            found[name].append(line)
    return found


def _workflow_name(line: Line, owner: dict[str, str]) -> str:
    metadata = line["object"]["metadata"]
    if line["kind"] == "Event":
        about = line["object"]["involvedObject"]
        return owner.get(about["name"], "")
    name: str = metadata["labels"].get(_LABEL_WORKFLOW, "") if line["kind"] == "Pod" else metadata["name"]
    owner[metadata["name"]] = name
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
