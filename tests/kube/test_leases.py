"""The record on the Lease, written from a thread while the event loop is held."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wfreport.api.names import ANNOTATION_RECONCILE_RECORD
from wfreport.kube.credentials import Endpoint
from wfreport.kube.leases import BlockingLease

PATH = "/prefix/apis/coordination.k8s.io/v1/namespaces/argo/leases/wfreport"


@dataclass
class Server:
    """An API server with one Lease, whose writes conflict a number of times."""

    holder: str = "me"
    conflicts: int = 0
    status: int = 200
    version: int = 1
    patches: list[dict[str, Any]] = field(default_factory=list)
    heads: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.status != 200:
            return self.status, {}
        if method == "PATCH":
            patch = json.loads(body)
            if self.conflicts or patch["metadata"]["resourceVersion"] != str(self.version):
                self.conflicts -= 1
                self.version += 1
                return 409, {}
            self.patches.append(patch)
        return 200, {"metadata": {"resourceVersion": str(self.version)}, "spec": {"holderIdentity": self.holder}}


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            state.heads.append((self.path, self.headers.get("Authorization", "")))
            status, content = state.answer(self.command, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PATCH = _reply  # noqa: N815  (the base class looks for these names)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}/prefix"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


def lease_of(server: Server) -> BlockingLease:
    endpoint = Endpoint(server=server.url, tls=None, server_name=None, proxy=None, authorization="Bearer t")
    return BlockingLease(lambda: endpoint, namespace="argo", name="wfreport", identity="me")


def test_the_record_is_written_with_a_precondition_and_does_not_renew_the_lease(server: Server) -> None:
    assert lease_of(server).annotate("a/b in work")
    assert server.patches == [
        {"metadata": {"resourceVersion": "1", "annotations": {ANNOTATION_RECONCILE_RECORD: "a/b in work"}}}
    ]
    assert server.heads == [(PATH, "Bearer t")] * 2


def test_an_empty_record_removes_the_annotation(server: Server) -> None:
    assert lease_of(server).annotate("")
    assert server.patches[0]["metadata"]["annotations"] == {ANNOTATION_RECONCILE_RECORD: None}


def test_a_lease_that_another_replica_holds_is_not_written(server: Server) -> None:
    server.holder = "another"
    assert not lease_of(server).annotate("a/b in work")
    assert server.patches == []


def test_a_conflict_with_a_renewal_in_flight_is_read_again(server: Server) -> None:
    server.conflicts = 2
    assert lease_of(server).annotate("a/b in work")
    assert len(server.patches) == 1


@pytest.mark.parametrize("fault", [{"conflicts": 99}, {"status": 403}])
def test_what_cannot_be_written_is_an_error(server: Server, fault: dict[str, int]) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    with pytest.raises(http.client.HTTPException):
        lease_of(server).annotate("a/b in work")


def test_a_server_that_is_away_is_an_error() -> None:
    with pytest.raises(OSError, match="refused"):
        lease_of(Server(url="http://127.0.0.1:1")).annotate("a/b in work")
