"""Runs that were resubmitted from each other: the first is the root, and every name follows from it.

A person's ``argo resubmit`` copies labels, ours too; but it makes a name of its own, and so begins a
new chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wfreport.api.names import LABEL_ATTEMPT, LABEL_REMEDIATION_UID, LABEL_ROOT, LABEL_ROOT_UID
from wfreport.core.snapshot.names import resubmission_name


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A run's place in its chain.

    Attributes:
        root_name: the first run; cut and hashed where it does not fit a label, which Argo does not let happen.
        root_uid: uid of the first run: the chain's identity.
        attempt: how many resubmissions led to this run; 0 for the root.
    """

    root_name: str
    root_uid: str
    attempt: int = 0

    def name_of(self, attempt: int) -> str:
        """The name of the run that the given resubmission of this chain makes, or has made."""
        return resubmission_name(self.root_name, self.root_uid, attempt) if attempt else self.root_name

    @property
    def names(self) -> tuple[str, ...]:
        """All runs up to this one, first to last."""
        return tuple(self.name_of(attempt) for attempt in range(self.attempt + 1))


def link_of(*, name: str, uid: str, labels: Mapping[str, str]) -> ChainLink:
    """The place of a run in its chain, from its metadata; its own root where it is not one of our resubmissions."""
    root_name, root_uid = labels.get(LABEL_ROOT, ""), labels.get(LABEL_ROOT_UID, "")
    attempt = labels.get(LABEL_ATTEMPT, "")
    if root_name and root_uid and attempt.isascii() and attempt.isdecimal() and labels.get(LABEL_REMEDIATION_UID):
        link = ChainLink(root_name, root_uid, int(attempt))
        if link.attempt and link.name_of(link.attempt) == name:
            return link
    return ChainLink(name, uid)
