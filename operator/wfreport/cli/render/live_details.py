"""Content of a page besides the report."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.remediation import Remediation
from wfreport.core.next_steps.lines import NextCommand


class LiveDetails(Struct, frozen=True):
    """Content of a page besides the report.

    Attributes:
        now: the present, for relative times; None: only absolute times.
        actions: Remediations of the run's chain.
        commands: suggested next commands.
    """

    now: datetime | None = None
    actions: Sequence[Remediation] = ()
    commands: Sequence[NextCommand] = ()


NOTHING_LIVE: Final = LiveDetails()
