"""The content of the reports that are written often."""

from collections import OrderedDict

from wfreport.cache.reports import ReportEntry
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import StoredReport

REPORT_OVERHEAD_BYTES = 500
"""Estimated size of a cached report without its status."""


class StatusCache:
    """Content of the reports that were read or written last, so that a reconcile need not read them.

    With it a reconcile takes one GET and, if something changed, one write. The cache is bounded by the size of the
    reports' JSON; the decoded objects take about nine times as much memory.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._bytes = 0
        self._reports: OrderedDict[NamespacedName, StoredReport] = OrderedDict()

    def get(self, entry: ReportEntry) -> StoredReport | None:
        """Return the report of an entry, if it is cached in the same version."""
        report = self._reports.get(entry.key)
        if report is None or report.head.metadata.resource_version != entry.resource_version:
            return None
        self._reports.move_to_end(entry.key)
        return report

    def put(self, key: NamespacedName, report: StoredReport) -> None:
        """Store a report, and drop the least recently used ones above the capacity."""
        self.drop(key)
        self._reports[key] = report
        self._bytes += _size_bytes(report)
        while self._bytes > self._capacity_bytes:
            self.drop(next(iter(self._reports)))

    def drop(self, key: NamespacedName) -> None:
        """Forget a report."""
        report = self._reports.pop(key, None)
        if report:
            self._bytes -= _size_bytes(report)


def _size_bytes(report: StoredReport) -> int:
    return len(report.status_json or b"") + REPORT_OVERHEAD_BYTES
