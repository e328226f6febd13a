"""What policies do over hours, in memory: storms, crons, budgets, resubmission chains."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import re2
from tests.eventually import eventually_async
from tests.remediation.documents import RESUBMIT, Json, policy_document
from tests.remediation.in_memory import (
    HOOK,
    NS,
    InMemoryCluster,
    InMemoryOperator,
    end,
    fail,
    policy,
    run_async,
    workflow,
)

from wfreport.core.decide import expressions, guards, selection
from wfreport.core.decide.breaker import Breaker, judge_breaker
from wfreport.core.render.abandoned import render_abandoned
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.large_work import MANY_STEPS
from wfreport.remediation import executor, policies
from wfreport.runtime.workqueue import Priority

NONE: Json = {"none": {}}


@run_async
async def test_the_breaker_opens_when_half_of_40_runs_fail_and_admits_one_trial_after_the_cooldown() -> None:
    cluster = InMemoryCluster(
        policy({**RESUBMIT, "notify": HOOK}, circuitBreaker={"cooldownSeconds": 600, "windowSeconds": 1800})
    )
    await cluster.start()
    for number in range(40):
        cluster.api.create("workflows", NS, workflow(f"wf-{number}", clock=cluster.clock))
    for number in range(40):
        end(cluster.api, f"wf-{number}", "Failed" if number % 2 else "Succeeded", cluster.clock)
    await cluster.reconcile(8, 60)
    assert cluster.new_runs() == []
    assert cluster.condition("BreakerOpen") == ("True", "TooManyFailures")
    assert cluster.condition("RemediationAllowed") == ("False", "TooManyFailures")
    assert len({id_ for _, id_ in cluster.inbox.received}) == 20
    assert cluster.policy()["status"]["breaker"] == "Open"
    cluster.clock.advance(1800)  # the window has passed: the rate is down, and the cooldown begins
    await cluster.reconcile()
    assert cluster.condition("BreakerOpen") == ("True", "BreakerCoolingDown")
    assert cluster.new_runs() == []
    cluster.clock.advance(600)
    await cluster.reconcile(12, 60)
    assert len(cluster.new_runs()) == 1
    assert cluster.policy()["status"]["breaker"] == "HalfOpen"
    end(cluster.api, cluster.new_runs()[0], "Succeeded", cluster.clock)
    await cluster.reconcile(6, 60)
    assert cluster.policy()["status"]["breaker"] == "Closed"


@run_async
async def test_a_cron_that_fails_three_times_in_a_row_is_suspended_once() -> None:
    streak = {"consecutiveFailures": {"atLeast": 3, "of": "CronWorkflow"}}
    cluster = InMemoryCluster(policy({"name": "storm", "match": streak, "action": {"suspendCron": {}}}))
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 3 * * *"]},
    }
    cluster.api.create("cronworkflows", NS, cron)
    await cluster.start()
    for number, phase in enumerate(["Failed", "Failed", "Succeeded", "Failed", "Failed", "Failed", "Failed"]):
        made = workflow(f"nightly-{number}", clock=cluster.clock)
        made["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"] = "nightly"
        cluster.api.create("workflows", NS, made)
        end(cluster.api, f"nightly-{number}", phase, cluster.clock)
        await cluster.reconcile()
        suspended = cluster.api.objects["cronworkflows", NS, "nightly"]["spec"].get("suspend", False)
        assert suspended == (number >= 5), number
        cluster.clock.advance(120)
    assert [each["spec"]["target"]["name"] for each in cluster.remediations("SuspendCron")] == ["nightly-5"]


@run_async
async def test_a_chain_ends_when_its_attempts_are_exhausted_and_every_report_shows_the_whole_chain() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, limits={"maxAttempts": 2}))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    for _ in range(4):
        await cluster.reconcile()
        cluster.clock.advance(60)
        for name in cluster.new_runs():
            if not cluster.api.objects["workflows", NS, name].get("status", {}).get("phase"):
                end(cluster.api, name, "Failed", cluster.clock)
    first, second = cluster.new_runs()
    assert (first[-3:], second[-3:]) == ("-r1", "-r2")
    assert sorted(each["spec"]["attempt"] for each in cluster.remediations()) == [1, 2]
    held = {
        report["spec"]["workflowRef"]["name"]: report["status"]["remediation"].get("held", {}).get("reason")
        for report in cluster.api.all("workflowreports")
    }
    assert held == {"etl": None, first: None, second: "AttemptsExhausted"}
    for report in cluster.api.all("workflowreports"):
        chain = report["status"]["remediation"]
        assert chain["chain"] == ["etl", first, second]
        assert chain["attempts"] == 2
        assert chain["last"]["outcome"] == "RunFailed"
    counts = cluster.policy()["status"]["counts"]
    assert (counts["executed"], counts["helped"], counts["notHelped"], counts["blocked"]) == (2, 0, 2, 1)


@run_async
async def test_the_budget_limits_the_actions_in_flight() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, budget={"maxConcurrent": 2}, circuitBreaker={"minRuns": 1000}))
    dry_run = policy({"name": "x", "match": {}, "action": {"none": {}}}, name="dry-run", mode="DryRun")
    cluster.api.create("remediationpolicies", NS, dry_run)
    await cluster.start()
    for number in range(5):
        fail(cluster.api, f"wf-{number}", cluster.clock)
    await cluster.reconcile()
    assert len(cluster.new_runs()) == 2
    held = [report["status"]["remediation"].get("held") for report in cluster.api.all("workflowreports")]
    assert sum(bool(each) for each in held) == 3
    assert {(each["policyName"], each["reason"]) for each in held if each} == {("p", "BudgetExhausted")}
    end(cluster.api, cluster.new_runs()[0], "Succeeded", cluster.clock)
    await cluster.reconcile(4, 60)
    assert len(cluster.new_runs()) == 3


@run_async
async def test_a_namespace_that_has_spent_its_share_is_held_and_its_policy_says_so() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, budget={"maxConcurrent": 1000}, circuitBreaker={"minRuns": 1000}))
    await cluster.start()
    for number in range(12):
        fail(cluster.api, f"wf-{number}", cluster.clock)
    await cluster.reconcile(6)
    assert len(cluster.new_runs()) == 10
    held = [report["status"]["remediation"].get("held") for report in cluster.api.all("workflowreports")]
    assert [each["reason"] for each in held if each] == ["NamespaceBudgetExhausted"] * 2
    (event,) = [event for event in cluster.api.events if event["reason"] == "NamespaceBudgetExhausted"]
    assert event["involvedObject"]["kind"] == "RemediationPolicy"
    assert event["message"].startswith("2 runs are held: the policies of this namespace have reached its share")
    registry = cluster.operator.metrics.registry
    assert registry.get_sample_value("wfreport_actions_in_flight", {"lock": "mutate"}) == 10
    assert registry.get_sample_value("wfreport_actions_in_flight_namespace_max", {"lock": "mutate"}) == 10


@run_async
async def test_a_new_run_that_was_deleted_while_it_ran_has_no_outcome() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    (new,) = cluster.new_runs()
    end(cluster.api, new, "Running", cluster.clock)
    await cluster.reconcile()
    del cluster.api.objects["workflows", NS, new]
    await cluster.reconcile()
    (remediation,) = cluster.remediations()
    reasons = {each["type"]: each["reason"] for each in remediation["status"]["conditions"]}
    assert reasons["Succeeded"] == "RunDeleted"


@run_async
async def test_an_old_intent_without_a_trace_is_never_carried_out() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    (new,), (remediation,) = cluster.new_runs(), cluster.remediations()
    # as if the operator had been killed right after the action, and the new run had been deleted since
    del cluster.api.objects["workflows", NS, new]
    cluster.api.put("remediations", NS, remediation["metadata"]["name"], status={})
    for report in cluster.api.all("workflowreports"):
        if report["spec"]["workflowRef"]["name"] == new:
            del cluster.api.objects["workflowreports", NS, report["metadata"]["name"]]
    cluster.clock.advance(3600)
    cluster.operator = InMemoryOperator(cluster.api, cluster.clock)
    await cluster.operator.start()
    await cluster.reconcile()
    assert cluster.new_runs() == []
    (remediation,) = cluster.remediations()
    conditions = {each["type"]: (each["status"], each["reason"]) for each in remediation["status"]["conditions"]}
    assert conditions["Executed"] == ("Unknown", "TraceLost")


@run_async
async def test_an_intent_for_one_run_is_not_carried_out_on_the_next_run_of_the_same_workflow() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, mode="Approve"))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    cluster.clock.advance(300)
    end(cluster.api, "etl", "Failed", cluster.clock)  # a person retried it
    await cluster.reconcile()
    reasons = {
        condition["type"]: condition["reason"]
        for remediation in cluster.remediations()
        for condition in remediation["status"]["conditions"]
        if remediation["spec"]["target"]["startedAt"] < "2026-11-25T03:05"
    }
    assert reasons["Executed"] == "TargetChanged"
    assert len(cluster.remediations()) == 2
    assert cluster.new_runs() == []


@run_async
async def test_two_policies_of_the_same_priority_do_nothing_and_report_the_conflict() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT), policy(RESUBMIT, name="q"))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    assert cluster.remediations() == []
    assert cluster.condition("Conflicted") == ("True", "SamePriority")


@run_async
async def test_objects_that_cannot_be_decoded_block_no_others() -> None:
    odd = policy(RESUBMIT, name="odd", mode="Someday")
    cluster = InMemoryCluster(policy(RESUBMIT), {**odd, "status": {"conditions": "none"}})
    newer = {"metadata": {"name": "newer"}, "spec": {"action": "Teleport", "lockClass": "mutate"}}
    cluster.api.create("remediations", NS, newer)
    await cluster.start()
    assert cluster.condition("Ready", "odd") == ("False", "PolicyInvalid")
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    assert len(cluster.new_runs()) == 1


@run_async
async def test_remediations_are_deleted_after_their_retention() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.reconcile()
    end(cluster.api, cluster.new_runs()[0], "Succeeded", cluster.clock)
    await cluster.reconcile()
    resync = cluster.operator.remediation.resync()
    await resync.resync()
    assert len(cluster.remediations()) == 1
    cluster.clock.advance(91 * 24 * 3600)
    await resync.resync()
    assert cluster.remediations() == []


@run_async
async def test_the_resync_alone_finds_what_no_event_reported() -> None:
    cluster = InMemoryCluster()
    await cluster.start()
    resync = cluster.operator.remediation.resync()
    cluster.api.create("remediationpolicies", NS, policy(RESUBMIT))
    await resync.resync()
    await cluster.operator.work()
    cluster.clock.advance(60)
    fail(cluster.api, "etl", cluster.clock)
    await cluster.operator.reconcile_workflows()
    await cluster.operator.work()
    assert len(cluster.new_runs()) == 1
    del cluster.api.objects["remediationpolicies", NS, "p"]
    await resync.resync()
    await cluster.operator.work()
    fail(cluster.api, "next", cluster.clock)
    await cluster.operator.reconcile_workflows()
    await cluster.operator.work()
    assert len(cluster.new_runs()) == 1


@pytest.mark.parametrize("reason", ["suspended", "pauseRequests"])
def test_a_paused_policy_resumes(reason: str) -> None:
    async def run() -> None:
        paused: Json = {"suspended": True} if reason == "suspended" else {"pauseRequests": ["upgrade by @ana"]}
        cluster = InMemoryCluster(policy(RESUBMIT, **paused))
        await cluster.start()
        fail(cluster.api, "etl", cluster.clock)
        await cluster.reconcile()
        assert cluster.remediations() == []
        assert cluster.condition("RemediationAllowed")[0] == "False"
        each = cluster.policy()
        each["metadata"]["generation"] += 1
        cluster.api.put("remediationpolicies", NS, "p", spec={k: v for k, v in each["spec"].items() if k != reason})
        await cluster.reconcile()
        assert len(cluster.new_runs()) == 1

    asyncio.run(run())


@run_async
async def test_nothing_reads_or_acts_on_a_workflow_whose_reconcile_was_abandoned() -> None:
    cluster = InMemoryCluster(policy({**RESUBMIT, "notify": HOOK, "labelPods": {}}))
    await cluster.start()
    fail(cluster.api, "bomb", cluster.clock)
    document = cluster.api.objects["workflows", NS, "bomb"]
    operator, head = cluster.operator, decode_workflow({"metadata": document["metadata"]}).workflow
    stored = await operator.writer.stored(await operator.writer.create(head))
    status = render_abandoned(stored.status, head, cause="it is larger than 1 MiB", generation=1)
    await operator.writer.apply(stored, status, is_final=False)
    read: list[str] = []

    def record(when: str, verb: str, plural: str) -> None:
        read.append(f"{when} {verb} {plural}")

    await operator.work()
    cluster.api.fault = record
    operator.enqueue_all_reports()
    operator.remediation.queues.pods.add((NS, "bomb"), Priority.URGENT)
    assert await operator.work() >= 2
    assert (read, cluster.remediations(), cluster.inbox.received) == ([], [], [])


@run_async
async def test_a_cron_run_that_is_deleted_before_its_approval_has_its_reason_and_the_next_step() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT, mode="Approve"))
    await cluster.start()
    for name, cron in (("nightly-1", "nightly"), ("by-hand", None)):
        made = workflow(name, clock=cluster.clock)
        made["metadata"]["labels"] |= {"workflows.argoproj.io/cron-workflow": cron} if cron else {}
        cluster.api.create("workflows", NS, made)
        end(cluster.api, name, "Failed", cluster.clock)
    await cluster.reconcile()
    for name in ("nightly-1", "by-hand"):
        del cluster.api.objects["workflows", NS, name]  # failedJobsHistoryLimit, ttlStrategy
    for each in cluster.remediations("Resubmit"):
        conditions = each["status"]["conditions"]
        approved = next(one for one in conditions if one["type"] == "Approved")
        approved |= {"status": "True", "reason": "Approved"}
        cluster.api.put(
            "remediations", NS, each["metadata"]["name"], status={**each["status"], "conditions": conditions}
        )
    await cluster.reconcile()
    closed = {
        each["spec"]["target"]["name"]: (one["status"], one["reason"], one["message"])
        for each in cluster.remediations("Resubmit")
        for one in each["status"]["conditions"]
        if one["type"] == "Executed"
    }
    assert {name: result[:2] for name, result in closed.items()} == dict.fromkeys(closed, ("False", "TargetGone"))
    assert "failedJobsHistoryLimit" in closed["nightly-1"][2]
    assert closed["nightly-1"][2].endswith("argo submit -n data --from cronwf/nightly")
    assert "ttlStrategy" in closed["by-hand"][2]


@run_async
async def test_a_run_compiles_the_expressions_of_no_other_policy_and_many_of_its_own_beside_the_loop() -> None:
    def searches(team: str) -> Json:
        rules = [
            {"name": f"r{n}", "match": {"messageRegex": f"{team} {n}", "logRegex": f"{team} log {n}"}, "action": NONE}
            for n in range(30)
        ]
        return policy(*rules, name=team, selector={"matchLabels": {"team": team}})

    cluster = InMemoryCluster(searches("data"), *(searches(f"team-{n}") for n in range(5)))
    await cluster.start()
    compiled: list[tuple[bool, str]] = []

    def recorded(expression: str, *options: object) -> object:
        compiled.append((threading.current_thread() is threading.main_thread(), expression))
        return original(expression, *options)

    original = re2.compile
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(re2, "compile", recorded)
        cluster.api.create("workflows", NS, workflow("ok", clock=cluster.clock))
        end(cluster.api, "ok", "Succeeded", cluster.clock)
        await cluster.operator.reconcile_workflows()
        await cluster.operator.work()
        assert compiled == [], "a run without failures needs no expression"
        fail(cluster.api, "bad", cluster.clock)
        await cluster.operator.reconcile_workflows()
        await cluster.operator.work()
    assert {expression for _, expression in compiled} >= {f"data {n}" for n in range(30)}
    assert not [expression for on_loop, expression in compiled if on_loop or not expression.startswith("data ")]


@run_async
async def test_only_the_oldest_policies_of_a_namespace_act_and_others_take_the_place_of_deleted_ones() -> None:
    def of_team(name: str) -> Json:
        return policy(RESUBMIT, name=name, selector={"matchLabels": {"team": name}})

    cluster = InMemoryCluster()
    cluster.operator.remediation._cache.policies.per_namespace = 2
    for name in ("z-first", "second", "b-third", "a-fourth"):
        cluster.api.create("remediationpolicies", NS, of_team(name))
        cluster.clock.advance(1)
    await cluster.start()
    states = {name: cluster.condition("Ready", name) for name in ("z-first", "second", "b-third", "a-fourth")}
    assert states == {
        "z-first": ("True", "PolicyValid"),
        "second": ("True", "PolicyValid"),
        "b-third": ("False", "TooManyPolicies"),
        "a-fourth": ("False", "TooManyPolicies"),
    }
    assert cluster.condition("RemediationAllowed", "b-third") == ("False", "TooManyPolicies")
    warned = [event for event in cluster.api.events if event["reason"] == "TooManyPolicies"]
    assert len(warned) == 1, "one Event for the namespace"
    assert "WFREPORT_POLICIES_PER_NAMESPACE_MAX" in str(warned[0])
    assert cluster.operator.metrics.registry.get_sample_value("wfreport_policies_ignored") == 2
    del cluster.api.objects["remediationpolicies", NS, "second"]
    cluster.operator.remediation.queues.policies.add((NS, "second"), Priority.URGENT)
    await cluster.reconcile()
    cluster.clock.advance(60)
    assert cluster.condition("Ready", "b-third") == ("True", "PolicyValid")
    assert cluster.condition("Ready", "a-fourth") == ("False", "TooManyPolicies")
    for team in ("z-first", "b-third", "a-fourth"):
        made = workflow(f"of-{team}", clock=cluster.clock)
        made["metadata"]["labels"]["team"] = team
        cluster.api.create("workflows", NS, made)
        end(cluster.api, f"of-{team}", "Failed", cluster.clock)
    await cluster.reconcile()
    assert sorted(each["spec"]["target"]["name"] for each in cluster.remediations()) == ["of-b-third", "of-z-first"]


@run_async
async def test_a_policy_is_validated_once_and_many_expressions_beside_the_loop() -> None:
    rules = [{"name": f"r{n}", "match": {"messageRegex": f"never {n} x{{1,9}}"}, "action": NONE} for n in range(30)]
    cluster = InMemoryCluster(policy(*rules))
    compiled: list[bool] = []

    def recorded(expression: str, *options: object) -> object:
        compiled.append(threading.current_thread() is threading.main_thread())
        return original(expression, *options)

    original = re2.compile
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(re2, "compile", recorded)
        await cluster.start()
        assert compiled
        assert not any(compiled), "compiled on the loop"
        expressions._cache.clear()
        compiled.clear()
        await cluster.reconcile()
        assert compiled == [], "the spec has not changed"
    assert cluster.condition("Ready") == ("True", "PolicyValid")


@run_async
async def test_the_runs_of_a_namespace_that_has_very_many_are_judged_in_a_thread() -> None:
    judged: list[tuple[str, bool]] = []

    def recorded(module: ModuleType) -> Callable[..., Breaker]:
        def judge(*arguments: Any) -> Breaker:
            judged.append((module.__name__, threading.current_thread() is threading.main_thread()))
            return judge_breaker(*arguments)

        return judge

    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(selection, "_RUN_STEPS", MANY_STEPS)  # so that two runs are very many
        for module in (guards, policies):
            patched.setattr(module, "judge_breaker", recorded(module))
        for number in range(2):
            fail(cluster.api, f"bad-{number}", cluster.clock)
        await cluster.reconcile(4, 60)
    assert {name for name, _ in judged} == {guards.__name__, policies.__name__}
    assert not judged[-1][1]
    assert len([name for name, on_loop in judged if on_loop]) <= 2, "while there was one run"
    assert len(cluster.new_runs()) == 2


@pytest.mark.parametrize("mode", ["DryRun", "Approve"])
def test_a_namespace_gets_no_more_remediations_than_fit_that_no_budget_counts(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "MAX_UNCOUNTED", 2)

    async def check() -> None:
        cluster = InMemoryCluster(policy(RESUBMIT, mode=mode))
        await cluster.start()
        for number in range(4):
            fail(cluster.api, f"bad-{number}", cluster.clock)
        await cluster.reconcile()
        first, second = (each["metadata"]["name"] for each in cluster.remediations())
        cluster.api.objects.pop(("remediations", NS, first))
        await cluster.operator.remediation.resync().resync()
        cluster.clock.advance(600)
        cluster.operator.enqueue_all_reports()
        await cluster.reconcile()
        assert len(cluster.remediations()) == 2
        assert second in {each["metadata"]["name"] for each in cluster.remediations()}

    asyncio.run(check())


@run_async
async def test_a_namespace_whose_reports_take_long_to_read_delays_no_policy_of_another_one() -> None:
    cluster = InMemoryCluster()
    await cluster.start()
    controller, is_released = cluster.operator.remediation, asyncio.Event()

    async def load(namespace: str) -> None:
        if namespace == "slow":
            await is_released.wait()

    queue = controller.queues.policies
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(controller, "_load_runs", load)
        for namespace in ("slow", NS):
            cluster.api.create("remediationpolicies", namespace, policy_document(RESUBMIT, namespace=namespace))
            queue.add((namespace, "p"), Priority.URGENT)
        workers = [asyncio.create_task(one.run()) for _, of, one in controller.workers() if of is queue]
        try:
            await eventually_async(lambda: "status" in cluster.policy())
        finally:
            is_released.set()
            queue.shut_down()
            await asyncio.gather(*workers)


@run_async
async def test_of_a_policy_nothing_is_kept_twice_nor_its_labels_and_annotations() -> None:
    document = policy(RESUBMIT)
    document["metadata"] |= {"labels": {"a": "v" * 63}, "annotations": {"a": "x" * 100_000}}
    cluster = InMemoryCluster(document)
    await cluster.start()
    await cluster.reconcile()
    cached = cluster.operator.cache.policies.get((NS, "p"))
    assert cached is not None
    assert cached.policy is not None
    assert (cached.policy.metadata.labels, cached.policy.metadata.annotations) == (None, None)
    assert set(cached.document["metadata"]) <= {"resourceVersion", "creationTimestamp"}
    assert set(cached.document) == {"metadata"}


def held(cluster: InMemoryCluster) -> str | None:
    """Return what the first report says to hold its policy."""
    report = cluster.api.all("workflowreports")[0]
    reason: str | None = report["status"].get("remediation", {}).get("held", {}).get("reason")
    return reason


@run_async
async def test_what_a_policy_lacks_is_on_reports_as_soon_as_it_is_known() -> None:
    cluster = InMemoryCluster(policy(RESUBMIT))
    await cluster.start()
    cluster.api.allowed = False
    cluster.operator = InMemoryOperator(cluster.api, cluster.clock)
    await cluster.operator.start()
    fail(cluster.api, "etl", cluster.clock)
    await cluster.operator.reconcile_workflows()
    await cluster.operator.work()  # the run comes first, and its policy's rights have not been checked yet
    assert held(cluster) == "RightsMissing"
    cluster.api.allowed = True
    cluster.clock.advance(20)
    await cluster.reconcile(3, 1)
    assert held(cluster) is None
    assert len(cluster.new_runs()) == 1
