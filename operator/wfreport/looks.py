"""What a look is told, and what comes of it."""

from dataclasses import dataclass
from enum import StrEnum

from wfreport.core.model import RenderOptions
from wfreport.evidence import EvidenceLimits
from wfreport.settings import Settings


class Outcome(StrEnum):
    """What a look found."""

    COMPLETED = "completed"
    RUNNING = "running"
    GONE = "gone"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look.

    Attributes:
        outcome: what was found.
        again_in_seconds: when to look again; None for not before something happens.
        version: the Workflow's resourceVersion that was seen; the next look does not go back behind it.
    """

    outcome: Outcome
    again_in_seconds: float | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say to a look.

    Attributes:
        options: of rendering.
        evidence: bounds of what is read of pods.
        instance_id: of Argo's controller; empty for all of them.
    """

    options: RenderOptions
    evidence: EvidenceLimits
    instance_id: str = ""


def render_options(settings: Settings) -> RenderOptions:
    """What the settings say to rendering."""
    return RenderOptions(
        max_bytes=settings.report_max_bytes,
        log_tail_lines=settings.log_tail_lines,
        log_tail_bytes=settings.log_tail_bytes,
        ui_url_template=settings.ui_url_template,
        graces=settings.waiting_graces,
    )
