"""Threads for calls that block: lookups of host names, and reads of credentials."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

MAX_THREADS: Final = 64


def use_many_threads() -> None:
    """Give the running event loop so many threads that nobody's lookups keep it from its own credentials.

    asyncio has four more than the machine has processors. A lookup of a sink's host name takes a minute if its name
    server does not answer, and nothing can cancel it: a few of them would hold up every request of the operator, until
    it loses its Lease. Each worker that sends notifications leaves at most a few behind.
    """
    executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="blocking")
    asyncio.get_running_loop().set_default_executor(executor)
