"""The rich console that commands print on."""

import io
from typing import TextIO

from rich.console import Console


def report_console(color: str, stream: TextIO) -> Console:
    """Return a console.

    Args:
        color: ``auto`` (colors on a terminal that has them, unless NO_COLOR is set), ``always`` or ``never``.
        stream: the stream to print on.
    """
    if isinstance(stream, io.TextIOWrapper):
        # A name that the terminal's encoding cannot represent must not end the command.
        stream.reconfigure(errors="backslashreplace")
    if color == "always":
        return Console(file=stream, force_terminal=True, color_system="standard", no_color=False)
    return Console(file=stream, color_system="auto" if color == "auto" else None)
