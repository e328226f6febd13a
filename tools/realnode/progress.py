"""Writes progress lines on stderr."""

from __future__ import annotations

import sys


def echo(message: str) -> None:
    """Write one line and flush it."""
    sys.stderr.write(f"realnode: {message}\n")
    sys.stderr.flush()
