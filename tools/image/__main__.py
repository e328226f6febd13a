"""Performs the Dockerfile's steps in a plain root filesystem, and runs the operator in it: `python -m image`.

For machines without a container engine. It needs root, `unshare` and `chroot`. The interpreter and libraries of this
machine take the place of the base image; everything else is what the image contains and how a pod runs it: uid 65532,
no capabilities, no new privileges, a read-only root, the environment and the command of the Dockerfile.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import urllib3

from controlplane import ApiError, ControlPlane
from controlplane.ports import free_ports
from controlplane.waiting import wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
USER: Final = "65532:65532"
_SHARED: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/ssl", "/proc", "/dev")
_READ_ONLY: Final = "Read-only file system"
_WORKFLOWS: Final = "/apis/argoproj.io/v1alpha1/namespaces/default/workflows"
_REPORTS: Final = "/apis/wfreport.dev/v1alpha1/namespaces/default/workflowreports"


class ImageError(Exception):
    """The image cannot be built here, or the operator does not run in it."""


def main() -> int:
    """Build, run, and check. Return the exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix="wfreport-image-") as made:
            root = Path(made)
            root.chmod(0o755)
            _log(f"building in {root}, by the Dockerfile's steps")
            build(root)
            _check_confinement(root)
            with ControlPlane() as plane:
                _check_operator(root, plane)
    except (ImageError, OSError) as error:
        sys.stderr.write(f"image: {error}\n")
        return 1
    return 0


def build(root: Path) -> None:
    """Install the locked dependencies and the operator into ``root/app/.venv``, and prepare the mount points."""
    if os.geteuid() != 0:
        raise ImageError("root is required, for unshare and chroot")
    environment = variables_of(_stage(1)) | {"UV_PROJECT_ENVIRONMENT": str(root / "app" / ".venv")}
    python = ["--python", os.path.realpath(sys.executable)]
    uv = shutil.which("uv") or os.environ.get("UV") or str(ROOT / ".cache" / "uv" / "bin" / "uv")
    for options in (["--no-install-project"], ["--no-editable"]):
        command = [uv, "sync", "--quiet", "--locked", "--no-dev", *python, *options]
        _run(command, cwd=ROOT, env={**os.environ, **environment})
    for path in (*_SHARED, "/tmp", _prefix()):  # noqa: S108  (a mount point of the new root)
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy("/etc/passwd", root / "etc" / "passwd")
    # The scripts name the interpreter by its path in the image.
    for script in (root / "app" / ".venv" / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            script.write_bytes(script.read_bytes().replace(f"#!{root}".encode(), b"#!"))


def _stage(number: int) -> str:
    """Return the text of a stage of the Dockerfile; 0 is the first one."""
    return (ROOT / "Dockerfile").read_text().split("\nFROM ")[number + 1]


def variables_of(stage: str) -> dict[str, str]:
    """Return the environment that a stage of the Dockerfile sets."""
    found: dict[str, str] = {}
    for line in stage.replace("\\\n", " ").splitlines():
        if line.startswith("ENV "):
            found |= dict(part.split("=", 1) for part in line.removeprefix("ENV ").split())
    return {name: value.strip('"') for name, value in found.items()}


def _prefix() -> str:
    """Return the folder of the interpreter, which the image has from its base."""
    return str(Path(os.path.realpath(sys.executable)).parents[1])


def command_in(root: Path, *command: str) -> list[str]:
    """Return a command line that runs a command as a container does."""
    mounts = [f'mount --rbind {path} "{root}{path}" && mount -o remount,bind,ro "{root}{path}" 2>/dev/null || true'
              for path in (*_SHARED, _prefix())]  # fmt: skip
    lines = [
        "set -e",
        f'mount --bind "{root}" "{root}"',
        *mounts,
        f'mount -o remount,bind,ro "{root}"',
        f'exec setpriv --no-new-privs "{shutil.which("chroot")}" --userspec={USER} --groups= "{root}" "$@"',
    ]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines), "sh", *command]


def environment_in(**further: str) -> dict[str, str]:
    """Return the environment of the image's last stage, without that of this machine."""
    variables = variables_of(_stage(2))
    variables["PATH"] = variables["PATH"].replace("${PATH}", "/usr/bin:/bin")
    return variables | further


def _check_confinement(root: Path) -> None:
    """Check that nothing can be written, and that no capability is left."""
    script = (
        "import os, sys\n"
        "status = open('/proc/self/status').read()\n"
        "print(os.getuid(), os.getgid(), status.partition('CapEff:\\t')[2].split()[0])\n"
        "open('/app/new', 'w')\n"
    )
    done = subprocess.run(
        command_in(root, "/app/.venv/bin/python", "-c", script),
        env=environment_in(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stdout.split() != ["65532", "65532", "0000000000000000"] or _READ_ONLY not in done.stderr:
        raise ImageError(f"not confined as a pod is: {done.stdout}{done.stderr}")
    _log("uid 65532, no capabilities, read-only root")


def _check_operator(root: Path, plane: ControlPlane) -> None:
    """Run the image's command on a control plane until it has written a report, then stop it."""
    (port,) = free_ports(1)
    shutil.copy(plane.kubeconfig, root / "kubeconfig")
    (root / "kubeconfig").chmod(0o644)
    environment = environment_in(KUBECONFIG="/kubeconfig", WFREPORT_HTTP_PORT=str(port), WFREPORT_HTTP_HOST="127.0.0.1")
    with _running(command_in(root, "wfreport", "run"), environment) as operator:
        wait_until(lambda: _answers(operator, port), what="/readyz", timeout_seconds=120)
        _log("ready")
        plane.api.post(_WORKFLOWS, _workflow())
        wait_until(lambda: _is_reported(plane), what="the report of a Workflow", timeout_seconds=60)
        _log("a Workflow is reported")
        operator.send_signal(signal.SIGTERM)
        code = operator.wait(timeout=30)
    if code:
        raise ImageError(f"it exited with {code} after SIGTERM")
    _log("stopped by SIGTERM with exit code 0")


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, env=dict(environment)) as operator:
        try:
            yield operator
        finally:
            if operator.poll() is None:
                operator.kill()


def _answers(operator: "subprocess.Popen[bytes]", port: int) -> bool:
    if operator.poll() is not None:
        raise ImageError(f"it exited with {operator.returncode}")
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", retries=False, timeout=5).data == b"ok\n"
    except urllib3.exceptions.HTTPError:
        return False


def _workflow() -> dict[str, Any]:
    template = {"name": "main", "container": {"image": "busybox"}}
    spec = {"entrypoint": "main", "templates": [template]}
    metadata = {"name": "etl", "labels": {"workflows.argoproj.io/phase": "Running"}}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    return {
        **head,
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Running", "startedAt": "2026-11-28T12:00:00Z"},
    }


def _is_reported(plane: ControlPlane) -> bool:
    try:
        reports = plane.api.get(_REPORTS)["items"]
    except ApiError:
        return False
    return any("status" in report for report in reports)


def _run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{' '.join(command)}: {done.stderr.strip()[-800:]}")


def _log(line: str) -> None:
    sys.stderr.write(f"image: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
