"""The console that reports are printed on."""

import io
from typing import TextIO

from rich.console import Console


def report_console(color: str, stream: TextIO) -> Console:
    """A console with colours ``auto`` (a terminal that has them, and no NO_COLOR), ``always`` or ``never``."""
    if isinstance(stream, io.TextIOWrapper):
        # A name that the terminal's encoding cannot show must not end the command.
        stream.reconfigure(errors="backslashreplace")
    if color == "always":
        return Console(file=stream, force_terminal=True, color_system="standard", no_color=False)
    return Console(file=stream, color_system="auto" if color == "auto" else None)
