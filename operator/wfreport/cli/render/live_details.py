"""Content of a page besides the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wfreport.api.remediation import Remediation
from wfreport.cli.render.next_steps import NextCommand


@dataclass(frozen=True, slots=True)
class LiveDetails:
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
