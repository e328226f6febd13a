"""The run that a policy heals, and the names of its recorded resubmissions."""

from __future__ import annotations

from typing import Final

HEALED: Final = "training-heals"
MEMORY: Final = ("4Gi", "6Gi", "9Gi")
"""Memory limits of the first run and of its resubmissions."""
ATTEMPTS: Final = len(MEMORY) - 1


def recorded_name(attempt: int) -> str:
    """Return the name under which a run of the chain was recorded; 0 is the first run."""
    return f"{HEALED}-with-{MEMORY[attempt].lower()}" if attempt else HEALED
