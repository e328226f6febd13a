"""Processes that run side by side choose different ports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from controlplane.ports import free_ports

TOOLS = Path(__file__).parents[2] / "tools"
CHOOSE = "from controlplane.ports import free_ports; print(*free_ports(150), flush=True); input()"


def test_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50


def test_a_port_that_is_not_taken_at_once_is_not_chosen_again() -> None:
    assert not set(free_ports(50)) & set(free_ports(50))


def test_a_taken_port_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        assert taken.getsockname()[1] not in {port for _ in range(200) for port in free_ports(1)}


def test_processes_choose_from_different_ports() -> None:
    command, env = [sys.executable, "-c", CHOOSE], {**os.environ, "PYTHONPATH": str(TOOLS)}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
            )
            for _ in range(4)
        ]
        lines = [process.stdout.readline() for process in processes if process.stdout]
        for process in processes:
            process.communicate("\n")
    ports = [int(port) for line in lines for port in line.split()]
    assert len(set(ports)) == len(ports) == 600
