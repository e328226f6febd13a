"""What people see of a notification while its sink fails: the reason, on the Remediation, its report and in Events."""

from __future__ import annotations

from tests.remediation.documents import RESUBMIT, Json
from tests.remediation.in_memory import HOOK, NS, InMemoryCluster, end, fail, policy, run_async, workflow

from wfreport.api.reasons import Refusal
from wfreport.core.plan.refusal import RefusedError
from wfreport.remediation.sinks import OperatorStopsError, SinkError

TWO_SINKS = {"sinks": [*HOOK["sinks"], {"name": "team", "apprise": {"secretName": "notify"}}]}
FAILING = "sink hook: answered 503; tried again for a day"


def executed(cluster: InMemoryCluster, kind: str = "Executed") -> tuple[str, str, str]:
    """Return status, reason and message of a condition of the one notification."""
    (notification,) = cluster.remediations("Notify")
    conditions = {each["type"]: each for each in notification["status"]["conditions"]}
    return tuple(conditions[kind][key] for key in ("status", "reason", "message"))


def report(cluster: InMemoryCluster) -> Json:
    (made,) = cluster.api.all("workflowreports")
    return made


async def failed_run(notify: Json, **errors: Exception) -> InMemoryCluster:
    """Return a cluster with a failed run, of which a policy notifies sinks that fail."""
    cluster = InMemoryCluster(policy({"name": "all", "match": {}, "notify": notify}))
    cluster.inbox.errors = errors
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    return cluster


@run_async
async def test_why_a_sink_fails_is_shown_until_it_has_the_message() -> None:
    cluster = await failed_run(HOOK, hook=SinkError("answered 503"))
    assert executed(cluster) == ("Unknown", "SinkFailing", FAILING)
    assert cluster.remediations("Notify")[0]["status"]["message"] == FAILING
    assert report(cluster)["status"]["remediation"]["last"]["outcome"] == "SinkFailing"
    cluster.inbox.errors.clear()
    await cluster.reconcile(3, 300)
    assert executed(cluster) == ("True", "Executed", "sent to 1 of 1 sinks")
    assert report(cluster)["status"]["remediation"]["last"]["outcome"] == "Executed"
    assert len(cluster.inbox.received) == 1


@run_async
async def test_a_sink_that_fails_for_hours_is_one_write_and_an_event_each_on_remediation_and_report() -> None:
    cluster = await failed_run(HOOK, hook=SinkError("answered 503"))
    await cluster.reconcile(40, 300)
    (name,) = [each["metadata"]["name"] for each in cluster.remediations("Notify")]
    writes = [written for _, plural, written in cluster.api.log if (plural, written) == ("remediations", name)]
    assert len(writes) == 3  # it was created, pending, and then its sink failed
    events = [event for event in cluster.api.events if event["reason"] == "SinkFailing"]
    assert {event["involvedObject"]["kind"] for event in events} == {"Remediation", "WorkflowReport"}
    assert len(events) == 2
    assert {event["type"] for event in events} == {"Warning"}


@run_async
async def test_another_error_of_the_sink_is_shown_instead() -> None:
    cluster = await failed_run(HOOK, hook=SinkError("answered 503"))
    cluster.inbox.errors["hook"] = SinkError("answered 403")
    await cluster.reconcile(3, 300)
    assert executed(cluster)[2] == "sink hook: answered 403; tried again for a day"


@run_async
async def test_a_message_that_waits_for_a_sink_shows_why_although_it_was_not_tried() -> None:
    cluster = InMemoryCluster(policy({"name": "all", "match": {}, "notify": HOOK}))
    cluster.inbox.errors["hook"] = SinkError("answered 503")
    await cluster.start()
    for name in ("etl", "load", "train"):
        fail(cluster.api, name, cluster.clock)
    await cluster.reconcile(4, 0)
    assert {each["status"]["message"] for each in cluster.remediations("Notify")} == {FAILING}


@run_async
async def test_sinks_that_are_refused_or_have_the_message_stand_beside_one_that_fails() -> None:
    problem = RefusedError(Refusal.SINK_UNUSABLE, "sink team: Secret notify, key urls: URL 1: schema x is not allowed")
    cluster = await failed_run(TWO_SINKS, hook=SinkError("answered 503"), team=problem)
    assert executed(cluster)[2] == f"{problem.message}; {FAILING}"


@run_async
async def test_an_operator_that_stops_blames_no_sink() -> None:
    cluster = await failed_run(HOOK, hook=OperatorStopsError())
    assert executed(cluster)[1] == "ExecutionPending"


@run_async
async def test_why_a_follow_up_is_not_delivered_is_shown_and_it_is_not_called_sent() -> None:
    cluster = InMemoryCluster(policy({**RESUBMIT, "notify": {**HOOK, "followUp": True}}))
    await cluster.start()
    cluster.api.create("workflows", NS, workflow("etl", clock=cluster.clock))
    end(cluster.api, "etl", "Failed", cluster.clock)
    await cluster.reconcile(8, 60)
    assert executed(cluster)[0] == "True"
    cluster.inbox.errors["hook"] = SinkError("answered 503")
    end(cluster.api, cluster.new_runs()[0], "Succeeded", cluster.clock)
    await cluster.reconcile(4, 60)
    assert executed(cluster, "Succeeded") == ("Unknown", "OutcomeAwaited", FAILING)
    cluster.inbox.errors["hook"] = RefusedError(Refusal.SINK_UNUSABLE, "sink hook: no")
    await cluster.reconcile(4, 300)
    status, reason, message = executed(cluster, "Succeeded")
    assert (status, reason) == ("True", "Notified")
    assert message.endswith(": sink hook: no")
