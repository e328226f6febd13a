"""Faults of etcd, by its JSON gateway: compaction, the alarm NOSPACE, and the way out of it."""

from __future__ import annotations

from typing import Any

import urllib3


class Etcd:
    """A running etcd.

    Args:
        url: its client URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()

    def revision(self) -> int:
        """Return the current revision."""
        return int(self._call("maintenance/status")["header"]["revision"])

    def size_bytes(self) -> int:
        """Return the size of the database file."""
        return int(self._call("maintenance/status")["dbSize"])

    def compact(self) -> None:
        """Drop all revisions but the current one."""
        self._call("kv/compaction", revision=str(self.revision()), physical=True)

    def alarms(self) -> list[str]:
        """Return the alarms that are active."""
        return [alarm["alarm"] for alarm in self._alarms()]

    def free_space(self) -> None:
        """Do what an administrator does after NOSPACE: compact, defragment, and disarm the alarm."""
        self.compact()
        self._call("maintenance/defragment")
        for alarm in self._alarms():
            self._call("maintenance/alarm", action="DEACTIVATE", **alarm)

    def _alarms(self) -> list[dict[str, Any]]:
        return list(self._call("maintenance/alarm", action="GET").get("alarms", []))

    def _call(self, path: str, **body: object) -> Any:
        answer = self._http.request("POST", f"{self._url}/v3/{path}", json=body)
        if answer.status != 200:  # noqa: PLR2004  (HTTP OK)
            raise RuntimeError(f"etcd: {path}: {answer.status} {answer.data[:300].decode(errors='replace')}")
        return answer.json()
