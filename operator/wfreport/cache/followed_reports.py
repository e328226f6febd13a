"""Selects the reports of users that are followed: a namespace has a maximum, whatever its users create.

Automatic reports are as many as there are runs. Reports that users create have no such bound, and each that is followed
costs memory, and a reconcile whenever something may have changed. Beyond the maximum a report is not followed: it is
neither cached nor written. It is followed once there is room, at the latest after the next resync.

Reports whose run has ended are followed for changes of their spec only, so they make room for others.
"""

from collections import Counter, OrderedDict
from typing import Final, TypeVar

from wfreport.kube.objects import NamespacedName

K = TypeVar("K")

MAX_PER_WORKFLOW: Final = 10
"""Reports of users about Workflows of one name that are followed: one reconcile writes all of them."""


class FollowedReports:
    """The names of the users' reports that are followed. Each operation takes constant time."""

    def __init__(self, per_namespace: int) -> None:
        self._per_namespace = per_namespace
        self._open: dict[str, set[NamespacedName]] = {}
        self._ended: dict[str, OrderedDict[NamespacedName, None]] = {}
        self._claims: dict[str, set[NamespacedName]] = {}
        self._of_workflow: dict[NamespacedName, set[NamespacedName]] = {}
        self._workflows: dict[NamespacedName, NamespacedName] = {}
        self._probed: dict[str, NamespacedName] = {}
        self._ignored: Counter[str] = Counter()

    def __contains__(self, report: NamespacedName) -> bool:
        """Return whether this is a report of a user that is followed."""
        return report in self._workflows

    def is_full(self, namespace: str) -> bool:
        """Return whether no further report of a namespace can be followed, unless an ended one makes room for it."""
        return self._count_open(namespace) + len(self._ended.get(namespace, ())) >= self._per_namespace

    @property
    def ignored_reports(self) -> int:
        """Number of reports that were not followed when all reports were listed last."""
        return self._ignored.total()

    @property
    def ignored_namespaces(self) -> int:
        """Number of namespaces of these reports."""
        return len(self._ignored)

    def begin_list(self) -> None:
        """Begin to count the reports that are not followed."""
        self._ignored.clear()

    def count_ignored(self, namespace: str) -> None:
        """Count a listed report that is not followed."""
        self._ignored[namespace] += 1

    def claim(self, report: NamespacedName) -> bool:
        """Reserve room for a report that is to be read; return False if there is none.

        The first report of a namespace without room is to be read all the same, so that someone learns of it.
        """
        namespace = report[0]
        claims = self._claims.get(namespace, set())
        if report not in claims and self._count_open(namespace) >= self._per_namespace:
            return self._probed.setdefault(namespace, report) == report
        self._claims.setdefault(namespace, set()).add(report)
        return True

    def release_claim(self, report: NamespacedName) -> None:
        """Give up the room that was reserved for a report."""
        _discard(self._claims, report[0], report)

    def admit(
        self, report: NamespacedName, workflow: NamespacedName, *, ended: bool
    ) -> tuple[bool, NamespacedName | None]:
        """Decide about a report that is not followed yet.

        Returns:
            whether it is to be followed, and an ended report that no longer is.
        """
        namespace = report[0]
        if len(self._of_workflow.get(workflow, ())) >= MAX_PER_WORKFLOW:
            return False, None
        if not self.is_full(namespace):
            return True, None
        ended_ones = self._ended.get(namespace)
        if ended or not ended_ones:
            return False, None
        return True, next(iter(ended_ones))

    def put(self, report: NamespacedName, workflow: NamespacedName, *, ended: bool) -> None:
        """Follow a report, or note that its run has ended or goes on."""
        self.remove(report)
        self._workflows[report] = workflow
        self._of_workflow.setdefault(workflow, set()).add(report)
        if ended:
            self._ended.setdefault(report[0], OrderedDict())[report] = None
        else:
            self._open.setdefault(report[0], set()).add(report)

    def remove(self, report: NamespacedName) -> None:
        """Follow a report no longer."""
        workflow, namespace = self._workflows.pop(report, None), report[0]
        if workflow is None:
            return
        _discard(self._of_workflow, workflow, report)
        _discard(self._open, namespace, report)
        ended = self._ended.get(namespace)
        if ended is not None:
            ended.pop(report, None)
            if not ended:
                del self._ended[namespace]
        self._probed.pop(namespace, None)

    def _count_open(self, namespace: str) -> int:
        return len(self._open.get(namespace, ())) + len(self._claims.get(namespace, ()))


def _discard(groups: dict[K, set[NamespacedName]], group: K, report: NamespacedName) -> None:
    """Remove a report from its group, and the group with its last report."""
    reports = groups.get(group, set())
    reports.discard(report)
    if not reports:
        groups.pop(group, None)
