"""`wfreport logs`: prints the live log, the log in the report or the archived one, and its source on stderr."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.argoserver.fake_server import Reply, Request, serving_aside
from tests.cli.kubelet import Kubelet, serving
from tests.cli.workspace import Workspace

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster

RETRIED = "retry-exhausted-varied"
PODS = [f"{RETRIED}-r-{number}" for number in (1944409006, 1340267627, 4025127952)]
BRANCHED = "running-with-failed-branch"
BAD, SLOW = f"{BRANCHED}-fail-4171610007", f"{BRANCHED}-hold-2356208145"
NOWHERE = "the report stores no log; archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)"


@pytest.fixture
def kubelet(plane: ControlPlane, tmp_path: Path) -> Iterator[Kubelet]:
    with serving(plane, "kwok-0", tmp_path) as kubelet:
        yield kubelet


def test_a_live_pod_is_the_first_source(workspace: Workspace, kubelet: Kubelet) -> None:
    workspace.put(RETRIED, pods=True, logs={PODS[2]: "stored\n"})
    kubelet.logs[PODS[2], "main"] = b"one\n\xff two\x1b[31m\nthree"
    done = subprocess.run(
        workspace.command("logs", RETRIED, "r(2)"), capture_output=True, check=False, env=workspace.environ()
    )
    assert (done.returncode, done.stdout) == (0, b"one\n\xff two\x1b[31m\nthree\n"), "a live log is printed unchanged"
    assert done.stderr.decode() == f"r(2): live log of pod {PODS[2]}, container main\n"


def test_the_logs_of_a_group_have_the_step_before_each_line(workspace: Workspace, kubelet: Kubelet) -> None:
    workspace.put(RETRIED, pods=True)
    for pod in PODS:
        kubelet.logs[pod, "main"] = f"1\n{pod}\n".encode()
    done = workspace.run("logs", RETRIED, "r", "--tail", "1")
    assert done.stdout.splitlines() == [f"[r({number})] {pod}" for number, pod in enumerate(PODS)]
    assert {query["tailLines"] for _, _, query in kubelet.requests} == {"1"}


def test_a_container_can_be_selected(workspace: Workspace, kubelet: Kubelet) -> None:
    workspace.put(RETRIED, pods=True)
    kubelet.logs[PODS[2], "wait"] = b"waited\n"
    assert workspace.run("logs", RETRIED, "r(2)", "-c", "wait").stdout == "waited\n"


def test_the_stored_log_of_a_deleted_pod_is_printed(workspace: Workspace) -> None:
    workspace.put(RETRIED, workflow=False, logs={PODS[2]: "one\ntwo\nthree\n"})
    done = workspace.run("logs", RETRIED, "--failed", "--tail", "2")
    assert done.returncode == 0
    assert done.stdout == "[r(2)] two\n[r(2)] three\n"
    assert done.stderr.splitlines() == [
        f"r(0): pod {PODS[0]} was deleted; {NOWHERE}",
        f"r(1): pod {PODS[1]} was deleted; {NOWHERE}",
        f"r(2): pod {PODS[2]} was deleted; log stored in the report, container main, only its end",
    ]


def test_the_stored_log_is_printed_if_the_kubelet_does_not_answer(workspace: Workspace) -> None:
    workspace.put(RETRIED, pods=True, logs={PODS[2]: "stored\n"})
    done = workspace.run("logs", RETRIED, "r(2)")
    assert (done.returncode, done.stdout) == (0, "stored\n")
    assert done.stderr.startswith("r(2): no live log (")


def test_no_log_anywhere_is_code_1(workspace: Workspace) -> None:
    workspace.put(RETRIED, workflow=False)
    done = workspace.run("logs", RETRIED, "r(0)")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"r(0): pod {PODS[0]} was deleted; {NOWHERE}\n"


@pytest.fixture
def following(workspace: Workspace, kubelet: Kubelet) -> Iterator[subprocess.Popen[str]]:
    """Run `logs -f` of a run that has no pod yet."""
    workspace.put(BRANCHED)
    kubelet.logs |= {(BAD, "main"): b"bad\n", (SLOW, "main"): b"begun\n"}
    process = subprocess.Popen(
        workspace.command("logs", BRANCHED, "-f"),
        env=workspace.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"bad: pod {BAD} was deleted"), (
            "it has listed the pods, and found none"
        )
        yield process
    finally:
        process.kill()
        process.communicate()


def test_following_includes_later_pods_and_ends_with_the_run(
    workspace: Workspace, kubelet: Kubelet, following: subprocess.Popen[str]
) -> None:
    workspace.put_pods(BRANCHED)
    assert kubelet.followed.wait(30)
    workspace.end(BRANCHED, "Failed")
    assert following.poll() is None
    kubelet.end(b"done\n")
    out, err = following.communicate(timeout=30)
    assert (following.returncode, out) == (0, "[slow] begun\n[slow] done\n")
    assert err == f"slow: live log of pod {SLOW}, container main\n"


def test_following_ends_when_the_workflow_is_deleted(workspace: Workspace, following: subprocess.Popen[str]) -> None:
    workspace.plane.api.delete(f"/apis/argoproj.io/v1alpha1/namespaces/{workspace.namespace}/workflows/{BRANCHED}")
    _, err = following.communicate(timeout=30)
    assert (following.returncode, err) == (1, ""), "there was no log"


def test_following_survives_a_restart_of_the_api_server(
    workspace: Workspace, kubelet: Kubelet, following: subprocess.Popen[str]
) -> None:
    workspace.plane.restart_apiserver()
    workspace.put_pods(BRANCHED)
    assert kubelet.followed.wait(60)
    workspace.end(BRANCHED, "Failed")
    kubelet.end()
    out, err = following.communicate(timeout=30)
    assert (following.returncode, out) == (0, "[slow] begun\n"), err


def test_a_closed_pipe_ends_following_without_output(workspace: Workspace, following: subprocess.Popen[str]) -> None:
    assert following.stdout is not None
    following.stdout.close()
    workspace.put_pods(BRANCHED)
    assert following.stderr is not None
    assert following.stderr.read() == f"slow: live log of pod {SLOW}, container main\n", "and no traceback"
    following.wait(30)


def test_an_unknown_step_is_code_5_with_the_existing_steps(workspace: Workspace) -> None:
    workspace.put(RETRIED)
    done = workspace.run("logs", RETRIED, "nope")
    assert done.returncode == 5
    assert done.stderr == f"Error: {RETRIED} has no step 'nope'; it has {RETRIED}, r, r(0), r(1), r(2)\n"


def test_an_ambiguous_step_is_code_2_with_the_full_names(workspace: Workspace) -> None:
    name = workspace.put("ex-nested-workflow")["spec"]["workflowRef"]["name"]
    done = workspace.run("logs", name, "generate")
    assert done.returncode == 2
    listed = done.stderr.removeprefix("Error: generate: 2 steps have this name; give one of ").strip()
    full_names = re.findall(r"(\S+) \(Succeeded\)", listed)
    assert len(full_names) == 2, done.stderr
    for full_name in full_names:
        source = workspace.run("logs", name, full_name).stderr
        assert source.startswith(f"generate: pod {name}-"), "the full name selects it"


def test_a_log_that_only_the_archive_has_comes_through_argo_server(workspace: Workspace, tmp_path: Path) -> None:
    workspace.put(RETRIED, workflow=False)
    token = tmp_path / "token"
    token.write_text("t0ken")
    asked: list[Request] = []

    def argo_server(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, b"one\ntwo\n")

    with serving_aside(argo_server) as url:
        given = ("logs", RETRIED, "r(0)", "--tail", "1")
        done = workspace.run(*given, WFREPORT_ARGO_SERVER_URL=url, WFREPORT_ARGO_SERVER_TOKEN_FILE=str(token))
    assert (done.returncode, done.stdout) == (0, "two\n")
    assert done.stderr == f"r(0): pod {PODS[0]} was deleted; archived log of container main\n"
    assert [request.target.rsplit("/", 1)[-1] for request in asked] == ["main-logs"]


def test_the_reason_for_a_missing_archived_log_never_contains_the_token(workspace: Workspace, tmp_path: Path) -> None:
    workspace.put(RETRIED, workflow=False)
    token = tmp_path / "token"
    token.write_text("t0ken")
    with serving_aside(lambda _: Reply(403, b'{"message": "not for you"}')) as url:
        given = ("logs", RETRIED, "r(0)")
        done = workspace.run(*given, WFREPORT_ARGO_SERVER_URL=url, WFREPORT_ARGO_SERVER_TOKEN_FILE=str(token))
    assert (done.returncode, done.stdout) == (1, "")
    assert "archive: " in done.stderr
    assert "not for you" in done.stderr
    assert "t0ken" not in done.stderr


def test_a_wrong_setting_of_the_server_is_code_2(workspace: Workspace) -> None:
    workspace.put(RETRIED, workflow=False)
    done = workspace.run("logs", RETRIED, "r(0)", WFREPORT_ARGO_SERVER_URL="argo.example.com")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: settings: WFREPORT_ARGO_SERVER_URL: expected one like https://")
