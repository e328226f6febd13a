"""`wfreport ui` on a real API server: under the rights of a viewer, and with the tokens of several in a cluster."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from tests.cli.cases import COMMAND
from tests.cli.workspace import Workspace
from tests.eventually import eventually

from controlplane import ControlPlane

RUNNING = "running-with-failed-branch"
READABLE = {"wfreport.dev": ["workflowreports", "remediations"]}
START_SECONDS = 120


class Page:
    """A running `wfreport ui`.

    Attributes:
        process: the command.
        port: its port.
        path: the path before all pages.
    """

    def __init__(self, process: subprocess.Popen[str], port: int, path: str) -> None:
        self.process = process
        self.path = path
        self.port = port

    def get(self, path: str, token: str = "", host: str = "") -> tuple[int, str]:
        """Return the status and the body of a page."""
        named = {"Authorization": f"Bearer {token}" if token else "", "Host": host}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            headers = {name: value for name, value in named.items() if value}
            connection.request("GET", self.path + path, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.read().decode()

    @contextmanager
    def following(self, path: str) -> Iterator[list[str]]:
        """Follow the stream of a page; yield its lines so far."""
        lines: list[str] = []

        def read(response: HTTPResponse) -> None:
            with suppress(HTTPException, OSError):
                while line := response.readline():
                    lines.append(line.decode())

        with closing(HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request("GET", f"{self.path}/events{path}")
            opened = connection.sock
            with connection.getresponse() as response:
                assert response.status == 200
                reader = threading.Thread(target=read, args=(response,))
                reader.start()
                try:
                    yield lines
                finally:
                    opened.shutdown(socket.SHUT_RDWR)
                    reader.join(timeout=60)


@contextmanager
def serving(*arguments: str, env: dict[str, str]) -> Iterator[Page]:
    """Run the command until the block ends, and end it as Ctrl-C does."""
    command = [*COMMAND, "ui", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            if "--in-cluster" in arguments:
                found = re.search(r"Serving on port (\d+) ", process.stderr.readline())
                assert found
                port, path = int(found[1]), ""
            else:
                url = urlsplit(process.stdout.readline().strip())
                assert url.hostname == "127.0.0.1"
                port, path = url.port or 0, url.path.rstrip("/")
            yield Page(process, port, path)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0
        rest = process.stderr.read()
        assert "Traceback" not in rest
        assert not path or path not in rest


@pytest.fixture
def other(plane: ControlPlane, namespace: str) -> Workspace:
    """Return a namespace that the viewer may not read, with a run."""
    hidden = Workspace(plane, plane.create_namespace(f"hidden-{namespace}"[:63].strip("-")))
    hidden.put("oom-main", workflow=False, name="hidden-run")
    return hidden


@pytest.mark.cluster
def test_a_viewer_follows_a_run_to_its_end_and_sees_nothing_of_another_namespace(
    workspace: Workspace, other: Workspace
) -> None:
    report = workspace.put(RUNNING, workflow=False)
    name = report["metadata"]["name"]
    config = workspace.kubeconfig_of("viewer", READABLE, ("get", "list", "watch"))
    with serving("-n", workspace.namespace, env=workspace.environ(config)) as page:
        status, runs = page.get("/")
        assert (status, RUNNING in runs) == (200, True)
        with page.following(f"/runs/{workspace.namespace}/{name}") as lines, page.following("/") as listed:
            eventually(lambda: f"{RUNNING} <span" in "".join(lines), timeout_seconds=120)
            report["status"]["observedWorkflow"] |= {"phase": "Failed", "finishedAt": "2026-11-23T00:00:00Z"}
            report["status"]["summary"] = "this is its end"
            workspace.put_report(report, is_new=False)
            eventually(lambda: "this is its end" in "".join(lines), timeout_seconds=120)
            eventually(lambda: "this is its end" in "".join(listed), timeout_seconds=120)
        for path in (
            f"/?namespace={other.namespace}", f"/trends?namespace={other.namespace}",
            f"/remediations?namespace={other.namespace}", f"/runs/{other.namespace}/hidden-run",
            f"/events/?namespace={other.namespace}",
        ):  # fmt: skip
            status, body = page.get(path)
            assert status == 403
            assert f"get, list and watch workflowreports.wfreport.dev in namespace {other.namespace}" in body
            assert "OOMKilled" not in body.partition('id="view"')[2]
        for path in ("/", "/trends", "/remediations"):
            assert "hidden-run" not in page.get(path)[1]
        assert page.get("/", host="evil.example")[0] == 421


@pytest.mark.cluster
def test_in_a_cluster_each_token_sees_what_it_may_read(
    plane: ControlPlane, workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    workspace.put("oom-main", workflow=False, name="visible-run")
    tokens = []
    for place in (workspace, other):
        place.kubeconfig_of("viewer", READABLE, ("get", "list", "watch"))
        tokens.append(plane.service_account_token(place.namespace, "viewer"))
    mine, theirs = tokens
    with serving("--in-cluster", "--ca-file", str(authority(plane, tmp_path)), env=in_a_pod(plane)) as page:
        assert page.get("/healthz") == (200, "ok\n")
        assert page.get(f"/?namespace={workspace.namespace}")[0] == 401
        for _ in range(2):  # the second time, the watches of both are open
            status, body = page.get(f"/?namespace={workspace.namespace}", token=mine)
            assert (status, "visible-run" in body) == (200, True)
            status, body = page.get(f"/?namespace={other.namespace}", token=theirs)
            assert (status, "hidden-run" in body) == (200, True)
            status, body = page.get(f"/?namespace={other.namespace}", token=mine)
            assert (status, "hidden-run" in body) == (403, False)
        plane.api.delete(f"/api/v1/namespaces/{workspace.namespace}/serviceaccounts/viewer")

        def is_refused() -> bool:
            status, body = page.get(f"/?namespace={workspace.namespace}", token=mine)
            return status == 401 and "visible-run" not in body

        eventually(is_refused, timeout_seconds=120)


def authority(plane: ControlPlane, folder: Path) -> Path:
    """Return a file of the certificate authority."""
    cluster = yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    if path := cluster.get("certificate-authority"):
        return Path(plane.kubeconfig.parent, path)
    file = folder / "ca.crt"
    file.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    return file


def in_a_pod(plane: ControlPlane) -> dict[str, str]:
    """Return the environment of a pod."""
    server = urlsplit(yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    here = {"KUBERNETES_SERVICE_HOST": server.hostname or "", "KUBERNETES_SERVICE_PORT": str(server.port)}
    return {**os.environ, "KUBECONFIG": "", **here}


@pytest.mark.cluster
def test_a_port_in_use_is_one_line(workspace: Workspace) -> None:
    with serving("-n", workspace.namespace, env=workspace.environ()) as page:
        done = workspace.run("ui", "--port", str(page.port))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"Error: --port {page.port}: Address already in use; 0 takes any free port")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--in-cluster", "--open"], "uses neither a kubeconfig nor a browser"),
        (["--in-cluster", "--context", "x"], "uses neither a kubeconfig nor a browser"),
        (["--allowed-host", "x"], "--allowed-host needs --in-cluster"),
        (["--in-cluster"], "not running in a pod"),
        (["--port", "99999"], "99999 is not in the range"),
    ],
)
def test_arguments_that_cannot_be_used_are_one_line(arguments: list[str], problem: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    done = subprocess.run([*COMMAND, "ui", *arguments], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
