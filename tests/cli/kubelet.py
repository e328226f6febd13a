"""A fake kubelet that serves the logs of pods to the API server by HTTPS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from controlplane import ControlPlane
from controlplane.certs import create_pki


class Kubelet:
    """Serves logs by (pod, container). A log that is followed stays open until `end` is called."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, str], bytes] = {}
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.followed = threading.Event()
        self._ended = threading.Event()

    def end(self, more: bytes = b"") -> None:
        """Write the rest of a followed log, and end it."""
        self._more = more
        self._ended.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request for ``/containerLogs/<namespace>/<pod>/<container>``."""
        address = urlsplit(handler.path)
        _, _, pod, container = address.path.strip("/").split("/")
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self.requests.append((pod, container, query))
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        log = self.logs[pod, container]
        tail = int(query["tailLines"]) if "tailLines" in query else None
        handler.wfile.write(log if tail is None else b"".join(log.splitlines(keepends=True)[-tail:]))
        if query.get("follow") == "true":
            handler.wfile.flush()
            self.followed.set()
            self._ended.wait(60)
            handler.wfile.write(self._more)


@contextmanager
def serving(plane: ControlPlane, node: str, folder: Path) -> Iterator[Kubelet]:
    """Register a node of the control plane whose kubelet is this fake."""
    kubelet = Kubelet()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kubelet.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pki = create_pki(folder / "pki")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pki.server_certificate, pki.server_key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        _register(plane, node, server.server_address[1])
        yield kubelet
    finally:
        kubelet.end()
        server.shutdown()
        server.server_close()
        thread.join()
        plane.api.delete(f"/api/v1/nodes/{node}")


def _register(plane: ControlPlane, node: str, port: int) -> None:
    plane.api.post("/api/v1/nodes", {"metadata": {"name": node}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    plane.api.patch(f"/api/v1/nodes/{node}/status", {"status": status})
