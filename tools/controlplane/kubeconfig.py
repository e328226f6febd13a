"""Writes and reads kubeconfigs."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from controlplane.errors import ControlPlaneError


def write_kubeconfig(path: Path, *, server: str, ca: Path, user: str, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig with an embedded authority, so that the file can be moved. Returns `path`."""
    authority = base64.b64encode(ca.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user, "namespace": namespace}}],
        "current-context": "local",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@dataclass(frozen=True, slots=True)
class Access:
    """The address and credentials of a server; `ca` is a file."""

    server: str
    token: str
    ca: Path


@contextmanager
def read_kubeconfig(path: Path) -> Iterator[Access]:
    """Read a kubeconfig written by `write_kubeconfig`. The authority's file exists for the duration of the block.

    Raises:
        ControlPlaneError: the file has another form.
    """
    try:
        content = yaml.safe_load(path.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"])
        server, token = cluster["server"], user["token"]
    except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
        message = f"{path} is not a kubeconfig with a token and an embedded authority, as `up` writes it ({error!r})"
        raise ControlPlaneError(message) from error
    with tempfile.NamedTemporaryFile(suffix=".crt") as ca:
        ca.write(authority)
        ca.flush()
        yield Access(server, token, Path(ca.name))
