"""Redraws a screen of a terminal until a run has ended or the user presses Ctrl-C."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from rich.console import Console, Group
from rich.control import Control
from rich.text import Text

from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.console import report_console
from wfreport.core.plurals import plural

_REDRAW_SECONDS: Final = 1


def terminal_console(color: str) -> Console:
    """Return a console on stdout.

    Raises:
        UnusableInput: stdout is not a terminal.
    """
    if not sys.stdout.isatty():
        raise UnusableInput("--watch", "it redraws a terminal; in a pipe use `wfreport wait`, or `kubectl get wfr -w`")
    return report_console(color, sys.stdout)


async def redraw(
    console: Console,
    lines: Callable[[], Sequence[Text]],
    *,
    feed: Coroutine[Any, Any, None],
    changed: asyncio.Event,
    refresh: Callable[[], Awaitable[bool]],
) -> None:
    """Show the lines on the terminal's other screen, and leave the last ones on its own.

    Args:
        console: the terminal.
        lines: returns the lines as of now; called at every change, and every second for the times in them.
        feed: follows the objects until cancelled.
        changed: set at every change of them.
        refresh: reads what the change requires; returns whether the end is reached.
    """
    follower = asyncio.create_task(feed)
    try:
        with console.screen(hide_cursor=True) as screen:
            while not (changed.is_set() and await _refreshed(changed, refresh)):
                console.control(Control.home())
                screen.update(Group(*_cropped(lines(), console.height)))
                await _next_change(follower, changed)
    except asyncio.CancelledError:  # Ctrl-C
        _leave(console, lines())
        raise
    finally:
        follower.cancel()
    _leave(console, lines())


def _leave(console: Console, lines: Sequence[Text]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


async def _refreshed(changed: asyncio.Event, refresh: Callable[[], Awaitable[bool]]) -> bool:
    changed.clear()
    return await refresh()


async def _next_change(follower: asyncio.Task[None], changed: asyncio.Event) -> None:
    """Return at the next change, or after a second; raise the error of a feed that failed."""
    waiter = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait({waiter, follower}, timeout=_REDRAW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiter
    if follower.done():
        follower.result()


def _cropped(lines: Sequence[Text], height: int) -> list[Text]:
    """Return the lines that fit; rich must not wrap them again."""
    shown = [line.copy() for line in lines]
    if len(shown) > height:
        hidden = len(shown) - height + 1
        shown = [
            *shown[: height - 1],
            Text(f"{plural(hidden, 'more line')}: enlarge the terminal, or see `show`", style="dim"),
        ]
    for line in shown:
        line.no_wrap, line.overflow = True, "crop"
    return shown
