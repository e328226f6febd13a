"""A PostgreSQL of one plane, for Argo's archive and offloaded nodes: Debian's package, found where that puts it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from controlplane.component import Component
from controlplane.errors import BinaryUnavailableError, ControlPlaneError

USER = "argo"
_DEBIAN = Path("/usr/lib/postgresql")
# PostgreSQL refuses to run as root; the package makes the first of these, every system has the second.
_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; everyone on this machine may connect as `USER`, without a password.

    Attributes:
        port: on 127.0.0.1.
        component: the process.
        folder: its data.
    """

    port: int
    component: Component
    folder: Path

    def stop(self) -> None:
        """End it and remove its data."""
        self.component.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_bin() -> Path | None:
    """The folder with `initdb` and `postgres`: on PATH, else the newest of Debian's; None where there is none."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def start_postgres(port: int, *, logs: Path) -> Postgres:
    """Make a database and start it.

    Raises:
        BinaryUnavailableError: this machine has no PostgreSQL.
    """
    programs = postgres_bin()
    if programs is None:
        raise BinaryUnavailableError("PostgreSQL is absent: apt install postgresql (or have initdb on PATH)")
    # Not in the plane's folder: that is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="wfreport-postgres-"))
    become = _become(folder)
    made = subprocess.run(
        [*become, str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "--auth=trust", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ControlPlaneError(f"initdb: {made.stderr.strip()}")
    flags = ["-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    component = Component("postgres", [*become, programs / "postgres", *flags], folder=logs)
    component.start()
    return Postgres(port, component, folder)


def _become(folder: Path) -> list[str]:
    """What comes before a command so that it does not run as root; the folder becomes that user's."""
    if os.geteuid() != 0:
        return []
    account = next((name for name in _ACCOUNTS if _known(name)), None)
    if account is None:
        raise ControlPlaneError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    entry = pwd.getpwnam(account)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    # Essential in Debian (util-linux); it execs, so that the process is the program itself.
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]


def _known(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
