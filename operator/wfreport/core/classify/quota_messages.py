"""Refusals of Kubernetes' admission plugins ResourceQuota and LimitRanger.

Limits of Argo's own containers are in its ``executor.resources``.
"""

from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.message_patterns import message_pattern
from wfreport.core.classify.refusals import RefusalMessage

QUOTA_REFUSALS: Final[tuple[RefusalMessage, ...]] = (
    RefusalMessage(
        message_pattern(r"must specify [\w./-]{1,120} for: (?:init|wait)(?:,(?:init|wait))*(?:;|$)"),
        Class.QUOTA_EXCEEDED,
        "ExecutorResources",
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"(?:maximum|minimum) \S+ usage per|max limit to request ratio per"),
        Class.QUOTA_EXCEEDED,
        "LimitRange",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"must specify (?:limits|requests)\.|failed quota: \S{1,253}: must specify "),
        Class.QUOTA_EXCEEDED,
        "ResourcesNotSet",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"insufficient quota to (?:match|consume)|failed quota: "),
        Class.QUOTA_EXCEEDED,
        "QuotaExceeded",
        retryable=False,
    ),
    RefusalMessage(message_pattern(r"exceeded quota"), Class.QUOTA_EXCEEDED, "QuotaExceeded"),
)
"""The first match counts."""
