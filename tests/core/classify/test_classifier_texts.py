"""Real texts of Argo, the kubelet, the API server and the artifact stores, each with the verdict of a person."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_node

from wfreport.api.argo import NodeType, Phase, SynchronizationStatus
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify.argo_messages import REFUSALS, RefusalMessage
from wfreport.core.classify.rules import RULES, classify_failure
from wfreport.core.classify.symptom import Symptom
from wfreport.core.snapshot.messages import ExitMessage, exit_code, parse_exit
from wfreport.core.snapshot.model import Verdict

C = FailureClass
USER, INFRA, PLATFORM = Owner.USER, Owner.INFRASTRUCTURE, Owner.PLATFORM


class Case(NamedTuple):
    text: str
    failure_class: FailureClass
    owner: Owner
    retryable: bool
    reason: str | None


def classified(text: str, node_type: str = NodeType.POD, recorded: str | None = None) -> Verdict:
    node = a_node("wf.a", Phase.FAILED, node_type, message=text)
    return classify_failure(Symptom(node, text, exit_code(text, recorded)))


def _cases() -> list[Case]:
    """The table of failure_texts.yaml."""
    groups = yaml.safe_load((Path(__file__).parent / "failure_texts.yaml").read_text())
    cases = [case for group in groups for case in group["cases"]]
    return [
        Case(case["text"], FailureClass(found), Owner(owner), again == "retry", reason)
        for case in cases
        for found, owner, again, reason in [case["verdict"]]
    ]


ALL = _cases()


def readable(value: Case | RefusalMessage) -> str:
    """An id that every shell and tool can pass on."""
    text = value.text if isinstance(value, Case) else value.pattern.pattern
    return "-".join(re.findall(r"\w+", text))[:120]


@pytest.mark.parametrize("case", ALL, ids=readable)
def test_a_real_text_alone_gives_class_owner_and_reason(case: Case) -> None:
    verdict = classified(case.text)
    got = (verdict.failure_class, verdict.owner, verdict.retryable, verdict.reason)
    assert got == (case.failure_class, case.owner, case.retryable, case.reason)
    assert (verdict.confidence, verdict.evidence) == _certainty(case)


def _certainty(case: Case) -> tuple[Confidence, str]:
    """How sure a message alone can be, and what it is said to be read from."""
    by_message = Confidence.MEDIUM, "node.message"
    match case.failure_class:
        case C.CANCELLED:
            return Confidence.HIGH, "workflow.spec.shutdown"
        case C.KILLED:
            return Confidence.LOW, "exit code"
        case C.EXIT_CODE:
            ended = case.reason not in {"FailureCondition", "ResourceDeleted"}
            return (Confidence.MEDIUM, "exit code") if ended else by_message
        case C.UNKNOWN:
            return Confidence.LOW, "node.message" if case.owner == INFRA else "message"
        case _:
            return by_message


def test_a_failure_without_a_word_is_unknown() -> None:
    verdict = classified("")
    assert (verdict.failure_class, verdict.confidence, verdict.evidence) == (C.UNKNOWN, Confidence.LOW, "none")


@pytest.mark.parametrize("case", ALL, ids=readable)
def test_a_rule_gives_only_the_classes_that_it_is_documented_to_give(case: Case) -> None:
    node = a_node("wf.a", Phase.FAILED, message=case.text)
    symptom = Symptom(node, case.text, exit_code(case.text, None))
    for rule in RULES:
        verdict = rule.decide(symptom)
        assert verdict is None or verdict.failure_class in rule.yields, rule.name


@pytest.mark.parametrize("refusal", REFUSALS, ids=readable)
def test_every_refusal_has_a_real_text_that_no_earlier_one_takes(refusal: RefusalMessage) -> None:
    texts = [Symptom(a_node("wf.a", Phase.FAILED, message=case.text), case.text).system_text for case in ALL]
    first = [next((r for r in REFUSALS if r.pattern.search(text)), None) for text in texts]
    assert refusal in first


def test_every_class_has_three_real_texts() -> None:
    counts = {found: sum(1 for case in ALL if case.failure_class == found) for found in FailureClass}
    assert {found: n for found, n in counts.items() if n < 3} == {}


REQUESTS = [
    (NodeType.HTTP, "received non-2xx response code: 404", USER, False),
    (NodeType.HTTP, "received non-2xx response code: 503", INFRA, True),
    (NodeType.HTTP, "received non-2xx response code: 429", INFRA, True),
    (NodeType.HTTP, "successCondition 'response.body == \"not found\"' evaluated false", USER, False),
    (
        NodeType.HTTP,
        'Get "https://x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        INFRA,
        True,
    ),
    (NodeType.HTTP, 'Post "https://x": dial tcp: lookup x: no such host', INFRA, True),
    (NodeType.HTTP, "net/http: invalid header field value", USER, False),
    (NodeType.PLUGIN, "the job said: ImagePullBackOff, not found", USER, False),
    (NodeType.PLUGIN, "Post http://localhost:4355: connection refused", INFRA, True),
]


@pytest.mark.parametrize(("node_type", "text", "owner", "retryable"), REQUESTS)
def test_a_request_fails_by_its_answer_and_a_service_that_is_away_may_come_back(
    node_type: str, text: str, owner: Owner, retryable: bool
) -> None:
    verdict = classified(text, node_type)
    reason = "HTTPError" if node_type == NodeType.HTTP else "PluginError"
    assert (verdict.failure_class, verdict.owner, verdict.retryable, verdict.reason) == (
        C.EXIT_CODE, owner, retryable, reason,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node_type", "text", "failure_class"),
    [
        (NodeType.HTTP, 'secrets "token" not found', C.CONFIG_ERROR),
        (NodeType.HTTP, "failed to evaluate expression: x", C.TEMPLATE_ERROR),
        (NodeType.HTTP, 'agent pod failed with reason:""', C.UNKNOWN),
        (NodeType.HTTP, 'create agent pod failed with reason:"pods "x" is forbidden: no"', C.CONFIG_ERROR),
        (NodeType.HTTP, "Step exceeded its deadline", C.TIMEOUT),
        (NodeType.PLUGIN, "no plugin executed the template", C.CONFIG_ERROR),
        (NodeType.PLUGIN, "Stopped with strategy 'Stop'", C.CANCELLED),
        (NodeType.SUSPEND, "rejected by the reviewer", C.CANCELLED),
        (NodeType.SUSPEND, "Step exceeded its deadline", C.TIMEOUT),
    ],
)
def test_a_request_that_was_never_sent_has_the_class_of_what_stopped_it(
    node_type: str, text: str, failure_class: FailureClass
) -> None:
    assert classified(text, node_type).failure_class == failure_class


def test_a_step_that_waited_for_a_lock_until_its_deadline_failed_for_the_lock() -> None:
    waiting = SynchronizationStatus(waiting="ns/Mutex/m")
    node = a_node("wf.a", Phase.FAILED, message="timeout", synchronization_status=waiting)
    verdict = classify_failure(Symptom(node, "timeout"))
    assert (verdict.failure_class, verdict.reason) == (C.LOCK_WAIT, "LockWait")
    assert (verdict.confidence, verdict.evidence) == (Confidence.MEDIUM, "node.synchronizationStatus")


def test_a_suspended_step_that_was_failed_by_hand_says_so() -> None:
    verdict = classified("rejected by the reviewer", NodeType.SUSPEND)
    assert (verdict.failure_class, verdict.reason) == (C.CANCELLED, "SuspendFailed")
    assert (verdict.confidence, verdict.evidence) == (Confidence.MEDIUM, "node.type")


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("main: Error (exit code 3): oh: no", ExitMessage("main", "Error", 3, "oh: no")),
        ("Error (exit code 3)", ExitMessage(None, "Error", 3, "")),
        ("failed with exit code 3", ExitMessage(None, "Error", 3, "")),
        ("main:  (exit code 3)", ExitMessage("main", "", 3, "")),
        ("failed with exit code 3 again", None),
        ("not an ending (exit code 3)", None),
    ],
)
def test_the_message_of_an_ending_is_taken_apart(message: str, wanted: ExitMessage | None) -> None:
    assert parse_exit(message) == wanted


@pytest.mark.parametrize(
    ("code", "signal"), [(127, None), (128, None), (129, 1), (137, 9), (192, 64), (193, None), (255, None)]
)
def test_the_codes_of_signals_are_those_of_a_shell(code: int, signal: int | None) -> None:
    assert classified(f"main: Error (exit code {code})").signal == signal


SYSTEM_TEXTS = st.sampled_from([case.text for case in ALL])


@given(
    detail=SYSTEM_TEXTS | st.text(max_size=60), code=st.integers(1, 255).filter(lambda n: n not in {64, 65, 137, 143})
)
def test_what_a_program_says_of_itself_never_changes_whose_failure_it_is(detail: str, code: int) -> None:
    verdict = classified(f"main: Error (exit code {code}): {detail}")
    assert (verdict.failure_class, verdict.owner, verdict.container) == (C.EXIT_CODE, USER, "main")


@given(detail=SYSTEM_TEXTS | st.text(max_size=60), code=st.sampled_from([137, 143]))
def test_a_program_that_was_killed_was_killed_whatever_it_said(detail: str, code: int) -> None:
    assert classified(f"main: Error (exit code {code}): {detail}").failure_class == C.KILLED


@given(text=st.text(), node_type=st.sampled_from(list(NodeType)), recorded=st.none() | st.text(max_size=4))
def test_no_text_is_too_odd_for_a_verdict(text: str, node_type: str, recorded: str | None) -> None:
    assert classified(text, node_type, recorded).failure_class in FailureClass


@given(text=SYSTEM_TEXTS)
def test_a_verdict_is_the_same_with_and_without_the_containers_name(text: str) -> None:
    """Messages have it since Argo 3.7; main's is the one that is left out without a loss."""
    without, with_name = classified(text.removeprefix("main: ")), classified(text)
    assert (without.failure_class, without.owner) == (with_name.failure_class, with_name.owner)
