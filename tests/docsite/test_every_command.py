"""Each command of each page is run by a test, or has a named reason why it cannot be run here."""

from __future__ import annotations

import shlex

import pytest
from tests.docsite.who_runs import ANSWERS, NOT_RUN, RUNBOOKS, TUTORIAL, RunBy, answer_for, commands_of
from tests.monitoring import test_runbooks
from tests.pages import ROOT, Command, all_commands, commands, pages

from tutorial.page import steps


def test_every_answer_is_given() -> None:
    given = {answer_for(command) for command in all_commands()}
    assert [answer for answer in ANSWERS if answer not in given] == []


def test_the_tests_that_answers_name_exist() -> None:
    named = {answer.test if isinstance(answer, RunBy) else answer.instead for answer in ANSWERS}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_most_commands_are_run() -> None:
    run = {command.text for command in all_commands() if answer_for(command) not in NOT_RUN}
    not_run = {command.text for command in commands_of(*NOT_RUN) if not command.text.startswith("make ")}
    assert len(run) > 150
    assert len(not_run) < len(run) / 5


def test_the_tutorial_and_the_runbooks_are_read_alike_by_their_own_tests() -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text()
    assert [step.command for step in steps(page)] == [command.text for command in commands_of(TUTORIAL)]
    assert {command.text for command in commands_of(RUNBOOKS)} == set(test_runbooks.EACH)


def test_every_page_is_read() -> None:
    assert {"README.md", "docs/howto/install.md", "docs/reference/cli.md", "docs/runbooks/WfreportDown.md"} <= {
        *pages()
    }
    with_commands = {command.page for command in all_commands()}
    assert len(with_commands) > 40


def test_each_command_can_be_split_into_words() -> None:
    for command in all_commands():
        assert shlex.split(command.text.replace("[STEP]", "")), command


def texts(page: str) -> list[str]:
    return [command.text for command in commands("docs/howto/install.md", page)]


def test_commands_of_blocks_are_found_with_all_their_lines() -> None:
    page = (
        "```sh\nhelm install a \\\n  --set b=c   # first\n# a comment\n"
        "kubectl apply -f - <<EOF\nkind: A   # kept\nEOF\n"
        "for kind in a b; do\n  kubectl get $kind\ndone\n```\n\n"
        "```console\n$ kubectl get wf\nNAME\n# make image\n```\n\n```yaml\nkubectl: no\n```\n"
    )
    assert texts(page) == [
        "helm install a --set b=c",
        "kubectl apply -f - <<EOF\nkind: A   # kept\nEOF",
        "for kind in a b; do\n  kubectl get $kind\ndone",
        "kubectl get wf",
        "make image",
    ]


def test_commands_in_lists_in_indented_blocks_and_in_sentences_are_found() -> None:
    page = (
        "1. Push:\n\n    ```sh\n    helm push a.tgz b\n    ```\n\n"
        "    kubectl wfreport diff a\n    ANOTHER\n\nSee `make run\nX=1`.\n"
    )
    assert texts(page) == ["helm push a.tgz b", "kubectl wfreport diff a", "make run X=1"]
    assert next(commands("a.md", "Enter `kubectl get rmp`.")) == Command("a.md", "kubectl get rmp", is_inline=True)


@pytest.mark.parametrize(
    "named", ["kubectl apply", "kubectl wfreport show", "wfreport list", "kubectl apply --dry-run=server"]
)
def test_a_command_that_is_only_named_is_not_entered(named: str) -> None:
    assert texts(f"As `{named}` does.\n") == []


def test_examples_of_the_help_are_commands() -> None:
    page = "```text\nUsage: wfreport x\n\nExamples:\n  wfreport x\n  wfreport x a | jq .\n\nOptions:\n  --help\n```\n"
    assert [command.text for command in commands("docs/reference/cli.md", page)] == [
        "wfreport x",
        "wfreport x a | jq .",
    ]
