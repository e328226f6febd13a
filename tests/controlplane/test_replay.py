"""A replayed recording ends as the recorded run did, whatever is done to its events on the way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.recorded import Recording, recording

from controlplane import ControlPlane
from controlplane.recording import RecordedEvent, load_recording
from controlplane.replay import Replayed, merge_patch, replay, shift_of
from controlplane.timeshift import TimeShift

WORKFLOW = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows/{}"
POD = "/api/v1/namespaces/{}/pods/{}"

CASES = [
    "compressed-zstd",  # its times lie within compressed nodes
    "dag-fail-omitted",
    "evicted",
    "pod-lost-recreated",  # a pod's name comes twice, with another uid
    "resubmitted",  # two workflows
    "retried-by-hand-ok",  # pods are deleted, the workflow's uid stays
]


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES)
async def test_it_ends_with_the_recorded_objects(plane: ControlPlane, namespace: str, case: str) -> None:
    played = await _play(plane, recording(case), namespace=namespace)

    for event in _last_states(recording(case)):
        wanted = _as_played(event, recording(case), played)
        path = WORKFLOW if event.kind == "Workflow" else POD
        stored = plane.api.get(path.format(namespace, event.object["metadata"]["name"]))
        assert _comparable(stored) == _comparable(wanted)


@pytest.mark.cluster
async def test_pods_belong_to_the_new_workflow_and_events_are_about_it(plane: ControlPlane, namespace: str) -> None:
    await _play(plane, recording("evicted"), namespace=namespace)

    uid = plane.api.get(WORKFLOW.format(namespace, "evicted"))["metadata"]["uid"]
    pods = plane.api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    events = plane.api.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    about = [event["involvedObject"] for event in events if event["involvedObject"]["kind"] == "Workflow"]
    assert {owner["uid"] for pod in pods for owner in pod["metadata"]["ownerReferences"]} == {uid}
    assert {reference["uid"] for reference in about} == {uid}
    assert {reference["namespace"] for reference in about} == {namespace}


def _doubled(events: list[RecordedEvent]) -> list[RecordedEvent]:
    return [event for event in events for _ in range(2)]


def _only_the_last_of_each(events: list[RecordedEvent]) -> list[RecordedEvent]:
    return list({(event.kind, event.object["metadata"]["name"]): event for event in events}.values())


def _late_ones_repeated(events: list[RecordedEvent]) -> list[RecordedEvent]:
    shuffled = events.copy()
    random.Random(7).shuffle(shuffled)  # noqa: S311  (an order, not a secret)
    return [*shuffled, *events]


@pytest.mark.cluster
@pytest.mark.parametrize("change", [_doubled, _only_the_last_of_each, _late_ones_repeated])
async def test_dropped_doubled_and_reordered_events_end_the_same(
    plane: ControlPlane, namespace: str, change: Callable[[list[RecordedEvent]], Sequence[RecordedEvent]]
) -> None:
    case = recording("dag-fail-omitted")

    played = await _play(plane, case, namespace=namespace, change=change)

    (wanted,) = [_as_played(event, case, played) for event in _last_states(case) if event.kind == "Workflow"]
    stored = plane.api.get(WORKFLOW.format(namespace, case.name))
    assert _comparable(stored) == _comparable(wanted)


@pytest.mark.cluster
async def test_a_label_that_somebody_added_meanwhile_stays(plane: ControlPlane, namespace: str) -> None:
    case = recording("evicted")
    pods: list[str] = []

    async def label_a_failed_pod(event: RecordedEvent) -> None:
        if event.kind == "Pod" and event.object["status"]["phase"] == "Failed" and not pods:
            pods.append(POD.format(namespace, event.object["metadata"]["name"]))
            plane.api.patch(pods[0], {"metadata": {"labels": {"seen": "yes"}}})

    await _play(plane, case, namespace=namespace, after_event=label_a_failed_pod)

    labels = plane.api.get(pods[0])["metadata"]["labels"]
    assert labels["seen"] == "yes"
    assert labels["workflows.argoproj.io/completed"] == "true"


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 10.0])
def test_times_never_lie_in_the_future(speed: float) -> None:
    events = load_recording(recording("dag-success").stream_path)
    now_seconds = 2_000_000_000.0

    shift = shift_of(events, speed, now_seconds)

    for event in events:
        played_at = now_seconds + ((event.at - events[0].at) / speed if speed else 0.0)
        assert event.at + shift.seconds <= played_at + 1


def test_only_times_of_the_recording_are_moved() -> None:
    shift = TimeShift(seconds=3600, first_at=1_795_351_514, last_at=1_795_351_518)
    recorded = {
        "startedAt": "2026-11-22T12:45:14Z",
        "eventTime": "2026-11-22T12:45:14.123456Z",
        "since": "2019-01-01T00:00:00Z",
        "deadline": "0001-01-01T00:00:00Z",
        "annotations": {"workflows.argoproj.io/node-start-time": "1795351514000000000"},
    }

    assert shift.apply(recorded) == {
        "startedAt": "2026-11-22T13:45:14Z",
        "eventTime": "2026-11-22T13:45:14.123456Z",
        "since": "2019-01-01T00:00:00Z",
        "deadline": "0001-01-01T00:00:00Z",
        "annotations": {"workflows.argoproj.io/node-start-time": "1795355114000000000"},
    }


def test_a_merge_patch_names_only_what_changed() -> None:
    old = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1], "gone": 0}
    new = {"a": 1, "b": {"c": 1, "d": 3}, "e": [1, 2]}

    assert merge_patch(old, new) == {"b": {"d": 3}, "e": [1, 2], "gone": None}


async def _play(plane: ControlPlane, case: Recording, **options: Any) -> Replayed:
    async with plane.api.session() as api:
        return await replay(api, load_recording(case.stream_path), **options)


def _last_states(case: Recording) -> list[RecordedEvent]:
    """The last state of every workflow and pod that was not deleted."""
    last = {(event.kind, event.object["metadata"]["name"]): event for event in load_recording(case.stream_path)}
    return [event for (kind, _), event in last.items() if kind != "Event" and event.type != "DELETED"]


def _as_played(event: RecordedEvent, case: Recording, played: Replayed) -> dict[str, Any]:
    """The recorded object with the times, uids and namespace of the replay."""
    events = load_recording(case.stream_path)
    shift = TimeShift(played.shift_seconds, events[0].at, events[-1].at)
    text = json.dumps(shift.apply(event.object))
    for old, new in (played.uids | played.namespaces).items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)  # type: ignore[no-any-return]


def _comparable(stored: dict[str, Any]) -> dict[str, Any]:
    metadata = stored["metadata"]
    content = {key: metadata.get(key) for key in ("name", "namespace", "uid", "labels", "annotations")}
    return {"metadata": content, "spec": stored["spec"] if stored["kind"] == "Workflow" else None} | {
        "status": stored["status"]
    }
