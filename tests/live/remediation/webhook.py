"""Endpoints in the test process that receive notifications, or should."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import psutil  # type: ignore[import-untyped]
from tests.served import served


@contextmanager
def webhook(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve an endpoint that answers with these statuses, then with 200; yield its URL and the received messages."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"path": self.path, "contentType": self.headers["Content-Type"], **json.loads(body)})
            self.send_response(statuses.pop(0) if statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with served(Handler) as url:
        yield url, received


@contextmanager
def hanging_endpoint() -> Iterator[int]:
    """Serve an endpoint whose connections are accepted and never answered; yield its port."""
    with socket.create_server(("0.0.0.0", 0), backlog=64) as server:  # noqa: S104 - all of 127.0.0.0/8
        yield server.getsockname()[1]


def connections_to(port: int) -> list[Any]:
    """Return the open connections to a port."""
    return [each for each in psutil.net_connections("tcp") if each.raddr and each.raddr.port == port]


@contextmanager
def redirecting_endpoint(location: str) -> Iterator[str]:
    """Serve an endpoint that redirects each request; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with served(Handler) as url:
        yield url


@contextmanager
def endless_endpoint() -> Iterator[str]:
    """Serve an endpoint whose answers never end; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 20))

        def log_message(self, *_: object) -> None: ...

    with served(Handler) as url:
        yield url
