"""Holds the settings of a reconcile."""

from dataclasses import dataclass

from wfreport.core.snapshot.model import RenderOptions
from wfreport.evidence.reader import EvidenceLimits
from wfreport.settings import Settings


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
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
