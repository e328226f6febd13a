"""Runs a PostgreSQL server per plane, for Argo's archive and offloaded nodes."""

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
# PostgreSQL refuses to run as root. Its package creates the first account; every system has the second.
_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. Every local process may connect as `USER`, without a password.

    Attributes:
        port: its port on 127.0.0.1.
        component: its process.
        folder: its data folder.
    """

    port: int
    component: Component
    folder: Path

    def stop(self) -> None:
        """Stop the server and remove its data."""
        self.component.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_bin() -> Path | None:
    """Return the folder with `initdb` and `postgres`: on PATH, else Debian's newest. None if there is neither."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def start_postgres(port: int, *, logs: Path) -> Postgres:
    """Create a database and start its server.

    Raises:
        BinaryUnavailableError: PostgreSQL is not installed.
    """
    programs = postgres_bin()
    if programs is None:
        raise BinaryUnavailableError("PostgreSQL is not installed: apt install postgresql (or put initdb on PATH)")
    # The plane's folder is accessible to root only.
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
    """Return a command prefix that drops root privileges, and give the folder to that account."""
    if os.geteuid() != 0:
        return []
    account = next((name for name in _ACCOUNTS if _known(name)), None)
    if account is None:
        raise ControlPlaneError("PostgreSQL does not run as root, and neither account exists: postgres, nobody")
    entry = pwd.getpwnam(account)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    # setpriv is part of util-linux (essential in Debian). It execs, so that the process is the program itself.
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]


def _known(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
