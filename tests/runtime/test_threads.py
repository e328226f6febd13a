"""Lookups of names that nobody answers keep the operator from nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from wfreport.app.remediation import NOTIFIERS
from wfreport.runtime.threads import use_many_threads

OF_ONE_WORKER = 4
"""Lookups of a minute that a worker leaves behind which gives each of them up after twenty seconds."""


async def test_lookups_that_nobody_answers_keep_no_other_call_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    is_answered = threading.Event()

    def unanswered(*_: Any, **__: Any) -> list[Any]:
        is_answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    use_many_threads()
    loop = asyncio.get_running_loop()
    lookups = [asyncio.create_task(loop.getaddrinfo("host", 80)) for _ in range(OF_ONE_WORKER * NOTIFIERS)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "token") == "token"
    finally:
        is_answered.set()
        await asyncio.gather(*lookups)
