"""Real messages of Argo, the kubelet, the API server and artifact stores, each with the verdict of a person."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_node
from tests.examples import batches

from wfreport.api.argo import NodeType, Phase, SynchronizationStatus
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify.argo_messages import REFUSALS
from wfreport.core.classify.refusals import RefusalMessage
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
    """Return the cases of failure_texts.yaml."""
    groups = yaml.load((Path(__file__).parent / "failure_texts.yaml").read_bytes(), yaml.CSafeLoader)
    cases = [case for group in groups for case in group["cases"]]
    return [
        Case(case["text"], FailureClass(name), Owner(owner), retry == "retry", reason)
        for case in cases
        for name, owner, retry, reason in [case["verdict"]]
    ]


ALL = _cases()


def readable(value: Case | RefusalMessage) -> str:
    """Return a test id that every shell and tool accepts."""
    text = value.text if isinstance(value, Case) else value.pattern.pattern
    return "-".join(re.findall(r"\w+", text))[:120]


@pytest.mark.parametrize("batch", batches(ALL, name=readable))
def test_a_real_message_alone_gives_class_owner_and_reason(batch: list[Case]) -> None:
    for case in batch:
        verdict = classified(case.text)
        got = (verdict.failure_class, verdict.owner, verdict.retryable, verdict.reason)
        assert got == (case.failure_class, case.owner, case.retryable, case.reason), case.text
        assert (verdict.confidence, verdict.evidence) == _certainty(case), case.text


def _certainty(case: Case) -> tuple[Confidence, str]:
    """Return the confidence and the place of evidence that are expected for a message alone."""
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


def test_a_failure_without_a_message_is_unknown() -> None:
    verdict = classified("")
    assert (verdict.failure_class, verdict.confidence, verdict.evidence) == (C.UNKNOWN, Confidence.LOW, "none")


@pytest.mark.parametrize("batch", batches(ALL, name=readable))
def test_a_rule_returns_only_its_documented_classes(batch: list[Case]) -> None:
    for case in batch:
        node = a_node("wf.a", Phase.FAILED, message=case.text)
        symptom = Symptom(node, case.text, exit_code(case.text, None))
        for rule in RULES:
            verdict = rule.decide(symptom)
            assert verdict is None or verdict.failure_class in rule.yields, (rule.name, case.text)


@pytest.mark.parametrize("batch", batches(REFUSALS, name=readable))
def test_every_refusal_has_a_real_message_that_no_earlier_pattern_matches(batch: Sequence[RefusalMessage]) -> None:
    texts = [Symptom(a_node("wf.a", Phase.FAILED, message=case.text), case.text).system_text for case in ALL]
    first = [next((r for r in REFUSALS if r.pattern.search(text)), None) for text in texts]
    assert [refusal for refusal in batch if refusal not in first] == []


def test_every_class_has_three_real_messages() -> None:
    counts = {name: sum(1 for case in ALL if case.failure_class == name) for name in FailureClass}
    assert {name: n for name, n in counts.items() if n < 3} == {}


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
    (NodeType.HTTP, 'Get "https://x": x509: certificate signed by unknown authority', USER, False),
    (NodeType.HTTP, 'Options "ftp://x": unsupported protocol scheme "ftp"', USER, False),
    (NodeType.HTTP, 'Post "https://x": dial tcp: lookup x: no such host', INFRA, True),
    (NodeType.HTTP, "net/http: invalid header field value", USER, False),
    (NodeType.PLUGIN, "the job said: ImagePullBackOff, not found", USER, False),
    (NodeType.PLUGIN, "Post http://localhost:4355: connection refused", INFRA, True),
]


@pytest.mark.parametrize(("node_type", "text", "owner", "retryable"), REQUESTS)
def test_a_failed_request_is_retryable_if_the_service_was_unavailable(
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
        (
            NodeType.HTTP,
            'Post "https://10.96.0.1:443/api/v1/namespaces/ns/pods": x509: certificate has expired or is not yet valid',
            C.CONTROLLER_ERROR,
        ),
        (NodeType.PLUGIN, "no plugin executed the template", C.CONFIG_ERROR),
        (NodeType.PLUGIN, "Stopped with strategy 'Stop'", C.CANCELLED),
        (NodeType.SUSPEND, "rejected by the reviewer", C.CANCELLED),
        (NodeType.SUSPEND, "Step exceeded its deadline", C.TIMEOUT),
    ],
)
def test_a_request_that_was_never_sent_has_the_class_of_its_obstacle(
    node_type: str, text: str, failure_class: FailureClass
) -> None:
    assert classified(text, node_type).failure_class == failure_class


def test_a_deadline_while_waiting_for_a_lock_is_a_lock_wait() -> None:
    waiting = SynchronizationStatus(waiting="ns/Mutex/m")
    node = a_node("wf.a", Phase.FAILED, message="timeout", synchronization_status=waiting)
    verdict = classify_failure(Symptom(node, "timeout"))
    assert (verdict.failure_class, verdict.reason) == (C.LOCK_WAIT, "LockWait")
    assert (verdict.confidence, verdict.evidence) == (Confidence.MEDIUM, "node.synchronizationStatus")


def test_a_suspend_node_failed_by_a_person_is_cancelled() -> None:
    verdict = classified("rejected by the reviewer", NodeType.SUSPEND)
    assert (verdict.failure_class, verdict.reason) == (C.CANCELLED, "SuspendFailed")
    assert (verdict.confidence, verdict.evidence) == (Confidence.MEDIUM, "node.type")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("main: Error (exit code 3): oh: no", ExitMessage("main", "Error", 3, "oh: no")),
        ("Error (exit code 3)", ExitMessage(None, "Error", 3, "")),
        ("failed with exit code 3", ExitMessage(None, "Error", 3, "")),
        ("main:  (exit code 3)", ExitMessage("main", "", 3, "")),
        ("failed with exit code 3 again", None),
        ("not an ending (exit code 3)", None),
    ],
)
def test_the_message_of_an_ended_container_is_parsed(message: str, expected: ExitMessage | None) -> None:
    assert parse_exit(message) == expected


@pytest.mark.parametrize(
    ("code", "signal"), [(127, None), (128, None), (129, 1), (137, 9), (192, 64), (193, None), (255, None)]
)
def test_exit_codes_of_signals_follow_the_shells_convention(code: int, signal: int | None) -> None:
    assert classified(f"main: Error (exit code {code})").signal == signal


SYSTEM_TEXTS = st.sampled_from([case.text for case in ALL if "manifest.yaml" not in case.text])
"""Texts that a program could write, too. The path of the manifest is argoexec's, and is trusted with exit code 1."""


@given(
    detail=SYSTEM_TEXTS | st.text(max_size=60), code=st.integers(1, 255).filter(lambda n: n not in {64, 65, 137, 143})
)
def test_a_termination_message_never_changes_the_owner(detail: str, code: int) -> None:
    verdict = classified(f"main: Error (exit code {code}): {detail}")
    assert (verdict.failure_class, verdict.owner, verdict.container) == (C.EXIT_CODE, USER, "main")


@given(detail=SYSTEM_TEXTS | st.text(max_size=60), code=st.sampled_from([137, 143]))
def test_a_termination_message_never_changes_that_a_program_was_killed(detail: str, code: int) -> None:
    assert classified(f"main: Error (exit code {code}): {detail}").failure_class == C.KILLED


@given(text=st.text(), node_type=st.sampled_from(list(NodeType)), recorded=st.none() | st.text(max_size=4))
def test_any_text_gives_a_verdict(text: str, node_type: str, recorded: str | None) -> None:
    assert classified(text, node_type, recorded).failure_class in FailureClass


@given(text=SYSTEM_TEXTS)
def test_a_verdict_is_the_same_with_and_without_the_containers_name(text: str) -> None:
    """Messages name the container since Argo 3.7. Without a name, the container is main."""
    without, with_name = classified(text.removeprefix("main: ")), classified(text)
    assert (without.failure_class, without.owner) == (with_name.failure_class, with_name.owner)
