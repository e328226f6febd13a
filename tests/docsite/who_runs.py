"""Who runs each command of the pages: a test, or nobody here, for a reason that has a name.

The first entry of `ANSWERS` that matches decides. Tests take their commands from `commands_of`, so that a command of a
page has a test as soon as it is written; one that nobody takes fails `test_every_command.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.pages import Command, all_commands


@dataclass(frozen=True, slots=True)
class RunBy:
    """A test that enters commands as they are printed.

    Attributes:
        test: its file.
        page: a pattern for the pages whose commands it takes.
        text: a pattern for the commands.
    """

    test: str
    page: str = ""
    text: str = ""

    def takes(self, command: Command) -> bool:
        return _matches(self.page, command.page) and _matches(self.text, command.text)


@dataclass(frozen=True, slots=True)
class NotRun:
    """Commands that no test of this suite can enter.

    Attributes:
        reason: what they need.
        text: a pattern for the commands.
        instead: a test, or the code, that does the same in another way.
        page: a pattern for the pages.
    """

    reason: str
    text: str
    instead: str
    page: str = ""

    def takes(self, command: Command) -> bool:
        return _matches(self.page, command.page) and _matches(self.text, command.text)


def _matches(pattern: str, text: str) -> bool:
    return bool(re.match(pattern, text))


TUTORIAL: Final = RunBy("tests/tutorial/test_tutorial.py", r"docs/tutorial\.md")
RUNBOOKS: Final = RunBy("tests/monitoring/test_runbooks.py", "docs/runbooks/")
UPGRADE: Final = RunBy("tests/upgrade/test_upgrade.py", r"docs/howto/upgrade\.md", "for kind in")
INSTALL: Final = (
    RunBy("tests/docsite/test_install_commands.py", text="helm (install|package|uninstall) "),
    RunBy("tests/docsite/test_install_commands.py", r"docs/howto/(argo-cd|flux|helm|kustomize|remove|upgrade)\.md"),
)
HOWTO: Final = RunBy("tests/docsite/test_howto_commands.py")

NOT_RUN: Final = (
    NotRun("minutes, a terminal, or this very suite", "make ", "tests/contract/test_pages.py"),
    NotRun("a container runtime", "docker ", "tools/image/rootfs.py"),
    NotRun("a registry for charts", "helm push ", "tests/manifests/test_chart.py"),
    NotRun("Flux and its command line", "flux ", "tests/docsite/test_yaml_blocks.py"),
    NotRun("Argo's command line and a controller", r"argo |.*\$\(argo ", "tests/cli/test_wait.py"),
    NotRun("packages from the internet", r"apt install|python3 -m venv|\S+/pip install", "tools/image/rootfs.py"),
    NotRun("another machine", "ssh ", "tests/cli/test_ui.py"),
    NotRun("root", r".*python -m realnode", "tests/e2e_node"),
    NotRun("a quiet machine for minutes", "", "tools/bench", page=r"docs/reference/benchmark\.md"),
    NotRun("a kubelet with a container", r"wfreport exec |kubectl wfreport exec ", "tests/cli/test_exec.py"),
    NotRun("a kubelet, for a connection to a pod", r"kubectl .*port-forward|curl -H", "tests/cli/test_ui.py"),
    NotRun("a terminal that is redrawn", r"wfreport (list|show) .*--watch", "tests/cli/test_watch.py"),
    NotRun("the token of a pod", "wfreport ui --in-cluster", "tests/cli/test_ui.py"),
    NotRun("a cluster of its own", r"(WFREPORT_\w+=\S+ )*wfreport run$", "tests/live/operator"),
    NotRun("Argo's archive", r"kubectl wfreport show etl$", "tests/cli/test_archive.py"),
)

ANSWERS: Final = (TUTORIAL, *NOT_RUN, RUNBOOKS, UPGRADE, *INSTALL, HOWTO)


@cache
def answer_for(command: Command) -> RunBy | NotRun:
    """Return who runs a command, or why nobody does."""
    return next(answer for answer in ANSWERS if answer.takes(command))


def commands_of(*answers: RunBy | NotRun, page: str = "") -> Iterator[Command]:
    """Yield the commands of these answers, of one page or of all."""
    for command in all_commands():
        if page in {"", command.page} and answer_for(command) in answers:
            yield command


def first_shown_on(page: str, *answers: RunBy) -> Iterator[str]:
    """Yield the commands of a page that no page before it shows: many pages have one in common."""
    first = _first_pages(*answers)
    texts = [command.text for command in commands_of(*answers, page=page)]
    return (text for text in texts if first[text] == page)


def pages_of(*answers: RunBy) -> list[str]:
    """Return the pages that are the first to show a command of these answers, in order."""
    first = set(_first_pages(*answers).values())
    pages = dict.fromkeys(command.page for command in commands_of(*answers))
    return [page for page in pages if page in first]


def _first_pages(*answers: RunBy) -> dict[str, str]:
    """Return the first page that shows each command of these answers."""
    return {command.text: command.page for command in reversed([*commands_of(*answers)])}
