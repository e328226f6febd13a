"""Chains of resubmissions. The first run is the root, and the names of all later runs derive from it.

``argo resubmit`` copies all labels, including wfreport's, but generates its own name. Such a run starts a new chain.
"""

from collections.abc import Mapping

from msgspec import Struct

from wfreport.api.names import LABEL_ATTEMPT, LABEL_REMEDIATION_UID, LABEL_ROOT, LABEL_ROOT_UID
from wfreport.core.snapshot.names import resubmission_name


class ChainLink(Struct, frozen=True):
    """The position of a run in its chain.

    Attributes:
        root_name: name of the first run; cut and hashed if it exceeds a label's length, which Argo prevents.
        root_uid: uid of the first run; it identifies the chain.
        attempt: number of resubmissions before and including this run; 0 for the root.
    """

    root_name: str
    root_uid: str
    attempt: int = 0

    def name_of(self, attempt: int) -> str:
        """Return the name of the run that resubmission number ``attempt`` creates; for 0, of the chain's first run."""
        return resubmission_name(self.root_name, self.root_uid, attempt) if attempt else self.root_name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all runs of the chain up to this one, oldest first."""
        return tuple(self.name_of(attempt) for attempt in range(self.attempt + 1))


def link_of(*, name: str, uid: str, labels: Mapping[str, str]) -> ChainLink:
    """Return a run's position in its chain, from its metadata. A run that wfreport did not resubmit is its own root."""
    root_name, root_uid = labels.get(LABEL_ROOT, ""), labels.get(LABEL_ROOT_UID, "")
    attempt = labels.get(LABEL_ATTEMPT, "")
    if root_name and root_uid and attempt.isascii() and attempt.isdecimal() and labels.get(LABEL_REMEDIATION_UID):
        link = ChainLink(root_name, root_uid, int(attempt))
        if link.attempt and link.name_of(link.attempt) == name:
            return link
    return ChainLink(name, uid)
