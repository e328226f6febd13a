"""Tasks of the event loop: do one thing unless another comes first, and let none outlive its owner."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

Task = asyncio.Task[Any]


async def done_unless(stopping: Task, work: Coroutine[Any, Any, None]) -> bool:
    """Do something, unless the operator is to stop meanwhile; whether it was done."""
    doing = asyncio.create_task(work)
    await asyncio.wait({stopping, doing}, return_when=asyncio.FIRST_COMPLETED)
    if not doing.done():
        await cancelled([doing])
        return False
    await doing
    return True


async def cancelled(tasks: Iterable[Task]) -> None:
    """Cancel tasks, and wait for their end."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
