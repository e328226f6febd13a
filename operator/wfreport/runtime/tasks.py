"""Helpers for asyncio tasks."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

Task = asyncio.Task[Any]


async def completes_before(stopping: Task, work: Coroutine[Any, Any, None]) -> bool:
    """Run a coroutine, and cancel it if ``stopping`` ends first. Return whether it completed."""
    running = asyncio.create_task(work)
    await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await cancel_all([running])
        return False
    await running
    return True


async def cancel_all(tasks: Iterable[Task]) -> None:
    """Cancel tasks, and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
