"""What the operator does until its first request: it imports little, and makes nothing that it may never need."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

import pytest
from tests.cli.report_server import kubeconfig_of
from tests.served import served

from wfreport.app.application import EXIT_LOST

NEVER_NEEDED = {"apprise", "kubernetes", "multiprocessing", "requests", "rich", "urllib3"}
NEEDED_BY_SOME = {"jinja2", "wfreport.cli.render", "wfreport.cli.sources", "wfreport.cli.web", "wfreport.core.page"}
"""What only commands need."""

MAX_MODULES = 1030
"""Bound of all modules that are imported until then: a few more than there are."""


class _WithoutCrds(BaseHTTPRequestHandler):
    """Answers the operator's first request so that it ends."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        pass


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that are imported until the first request."""
    with served(_WithoutCrds) as url:
        config = kubeconfig_of(url, tmp_path_factory.mktemp("start"))
        env = os.environ | {"KUBECONFIG": str(config), "WFREPORT_HTTP_PORT": "0"}
        command = [sys.executable, "-X", "importtime", "-m", "wfreport", "run"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == EXIT_LOST, done.stderr[-2000:]
    assert "a CRD of wfreport.dev is not installed" in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_the_first_request_is_made_with_few_modules(modules: set[str]) -> None:
    assert len(modules) <= MAX_MODULES
    assert not {name.partition(".")[0] for name in modules} & NEVER_NEEDED
    assert not modules & NEEDED_BY_SOME


def test_the_validators_of_policies_are_not_built_before_there_is_a_policy() -> None:
    program = """
import wfreport.app.application
from wfreport.api.policy import RemediationPolicy
print(RemediationPolicy.__pydantic_complete__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
