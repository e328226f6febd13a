"""Logs that Argo archived (the artifact ``<container>-logs`` of a node), for commands.

The only place that decides whether there is a way to the archive.
"""

from typing import Final, Protocol

NO_ARCHIVE: Final = "archive: no Argo Server configured"


class LogArchive(Protocol):
    """Where archived logs can be read."""

    async def fetch_log(self, namespace: str, workflow: str, uid: str, node_id: str, container: str) -> bytes | None:
        """The whole log of a node's container; None where none was archived."""
        ...


def find_log_archive() -> LogArchive | None:
    """The archive that is configured, if one is."""
    return None
