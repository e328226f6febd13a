"""Files of tests that workers run side by side: each is handed out as its kind demands."""

from __future__ import annotations

import pytest
from tests.scheduling import kind, next_file

ARGO = ["tests/live/remediation/test_argo_live.py", "tests/tutorial/test_tutorial.py"]
CLUSTER = ["tests/cli/test_show.py", "tests/live/operator/test_storm.py"]
NONE = ["tests/test_logs.py", "tests/test_scheduling.py"]
QUEUE = [*ARGO, *CLUSTER, *NONE]


@pytest.mark.parametrize(("worker", "files"), [(0, ARGO), (1, CLUSTER), (2, NONE), (3, ARGO)])
def test_a_worker_starts_with_the_first_file_of_its_kind(worker: int, files: list[str]) -> None:
    assert next_file(QUEUE, worker) == files[0]


@pytest.mark.parametrize(
    ("worker", "order"),
    [
        (0, [*ARGO, *NONE, *CLUSTER]),
        (1, [*CLUSTER, *NONE, *ARGO]),
        (2, [*NONE, *CLUSTER, *ARGO]),
    ],
)
def test_a_worker_alone_runs_every_file_and_starts_further_processes_last(worker: int, order: list[str]) -> None:
    left, ran = list(QUEUE), []
    while left:
        ran.append(next_file(left, worker))
        left.remove(ran[-1])
    assert ran == order


def test_the_kind_of_a_file_is_what_the_marks_of_its_tests_say(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        file = item.nodeid.split("::", 1)[0]
        if item.get_closest_marker("argo"):
            assert kind(file) == "argo", file
        elif item.get_closest_marker("cluster"):
            assert kind(file) != "none", file
