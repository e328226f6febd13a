"""Reports of runs, for tests of trends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from wfreport.core.trends.facts import RunFacts, decode_facts

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def a_raw_report(number: int, **changes: Any) -> bytes:
    """Return a report of the run that ended so many hours after ``BEGIN``; a change of None removes a field.

    ``failed`` is the class of its leading failure; ``owner``, ``fingerprint``, ``cron`` and ``seconds`` are shortcuts.
    """
    ended = BEGIN + timedelta(hours=number)
    seconds, failed = changes.pop("seconds", 60), changes.pop("failed", None)
    cron = changes.pop("cron", "etl")
    name = changes.pop("name", f"{cron}-{number}")
    status: dict[str, Any] = {
        "observedWorkflow": {
            "uid": f"uid-{name}",
            "phase": "Failed" if failed else "Succeeded",
            "startedAt": (ended - timedelta(seconds=seconds)).isoformat(),
            "finishedAt": ended.isoformat(),
        },
        "timing": {"durationSeconds": seconds, "queuedSeconds": 2},
        "workflowSource": {"cronWorkflow": cron},
        "definition": {"digest": "d1", "parametersDigest": "p1"},
        "summary": "Succeeded",
    }
    owner, fingerprint = changes.pop("owner", "User"), changes.pop("fingerprint", "f1")
    if failed:
        leading = {"displayName": "load", "templateName": "work", "owner": owner, "fingerprint": fingerprint}
        status |= {"failureClass": failed, "failures": [leading], "summary": f"load: {failed}"}
    namespace = changes.pop("namespace", "data")
    status = {key: value for key, value in (status | changes).items() if value is not None}
    report = {
        "metadata": {"name": f"{name}-r", "namespace": namespace},
        "spec": {"workflowRef": {"name": name}},
        "status": status,
    }
    return msgspec.json.encode(report)


def a_run(number: int, **changes: Any) -> RunFacts:
    """Return the facts of such a report."""
    facts = decode_facts(a_raw_report(number, **changes))
    assert facts is not None
    return facts


def history(pattern: str, **changes: Any) -> list[RunFacts]:
    """Return runs by letters: s succeeded, f failed, i failed for the infrastructure's sake."""
    kinds: dict[str, dict[str, Any]] = {
        "s": {},
        "f": {"failed": "ExitCode"},
        "i": {"failed": "Evicted", "owner": "Infrastructure"},
    }
    return [a_run(number, **{**kinds[letter], **changes}) for number, letter in enumerate(pattern)]


def a_step(name: str, seconds: int, **fields: Any) -> dict[str, Any]:
    """Return a step that took so long."""
    ended = (BEGIN + timedelta(seconds=seconds)).isoformat()
    step = {"displayName": name, "templateName": "work", "type": "Pod", "phase": "Succeeded"}
    return {**step, "startedAt": BEGIN.isoformat(), "finishedAt": ended, **fields}
