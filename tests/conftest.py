"""Fixtures of all tests: a real API server, a namespace of one's own, hypothesis profiles."""

from __future__ import annotations

import gc
import itertools
import os
import re
import signal
from collections.abc import Generator, Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from tests.examples import FAST_EXAMPLES
from tests.live.operator.harness import USER
from tests.scheduling import FileScheduling
from xdist.remote import Producer

from controlplane import ControlPlane
from controlplane.postgres import postgres_bin

settings.register_profile("dev", deadline=timedelta(seconds=2))
# A busy CI machine is slow now and then; it looks harder instead, and always at the same examples.
settings.register_profile(
    "ci", deadline=None, max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# The loop of a developer (`make unit`): few examples; the full number stays with CI.
settings.register_profile(
    "fast", deadline=None, max_examples=FAST_EXAMPLES, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

# A shell starts a background job with SIGINT ignored, and everything that a test starts inherits that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_serial = itertools.count(1)

GC_THRESHOLDS = (20_000, 20, 20)
"""Python's 700 new objects between collections cost a tenth of the tests' time; other processes keep those."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection, and keep thousands of tests out of each later one."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first, so that workers running side by side end at about the same time (scheduling.py)."""
    items.sort(key=lambda item: [not item.get_closest_marker(name) for name in ("argo", "cluster", "long")])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling | None:
    """Keep the order above: xdist's own starts the files with few tests last, and those are the slowest."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """etcd and a kube-apiserver with RBAC, Argo's CRDs and ours; no controllers, so nothing is collected."""
    with ControlPlane() as started:
        yield started


@pytest.fixture(scope="session")
def argo_plane() -> Iterator[ControlPlane]:
    """A plane with controllers, the played node `kwok-0` and the real Argo controller."""
    with ControlPlane(argo=True) as started:
        yield started


@pytest.fixture(scope="session")
def archive_plane() -> Iterator[ControlPlane]:
    """The real Argo Server, by TLS and for Kubernetes tokens only, over a database that has all nodes and old runs."""
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is absent: apt install postgresql, or have initdb and postgres on PATH")
    with ControlPlane(
        argo_server=True,
        argo_server_tls=True,
        argo_auth_modes=["client"],
        argo_database=True,
        users={USER: ["system:authenticated"]},
    ) as started:
        yield started


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A fresh namespace, named after the test, on the plane that the test uses."""
    wanted = next((name for name in ("argo_plane", "archive_plane") if name in request.fixturenames), "plane")
    plane: ControlPlane = request.getfixturevalue(wanted)
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return plane.create_namespace(f"{words[:40].strip('-')}-{next(_serial)}")
