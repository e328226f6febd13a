"""A fake Argo Server, to inject faults."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wfreport.argoserver.client import ArgoServer, RetryPolicy
from wfreport.argoserver.connection import ServerConnection, TlsConfig
from wfreport.argoserver.tokens import NoToken, TokenSource

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass
class Request:
    """A request that arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """A reply: ``raw`` bytes, or a well-formed response."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Reply:
        return cls(status, json.dumps(value).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


RESET = Reply(raw=b"")
NOT_HTTP = Reply(raw=b"\x16\x03\x01 this is no HTTP\r\n\r\n")
HANG = Reply(hang=True)
Answers = Callable[[Request], Reply]


@asynccontextmanager
async def serving(answer: Answers, *, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; the value is the URL."""
    connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _request(reader):
                reply = answer(request)
                if reply.hang:
                    await asyncio.sleep(3600)
                writer.write(_rendered(reply))
                await writer.drain()
                if reply.raw is not None:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A coroutine that is cancelled before its first step closes nothing, so the connection is noted before it runs.
        connections[writer] = asyncio.create_task(handle(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await _stop_accepting(server)
        for writer, task in connections.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*connections.values(), return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in connections), return_exceptions=True)


async def _stop_accepting(server: asyncio.Server) -> None:
    """Close a server once each socket that it has accepted is a connection.

    asyncio makes the connection some turns of its loop later. If the server is closed by then, that fails and leaves
    the socket open (``Server._attach``).
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    accepting = [task for task in asyncio.all_tasks() if "_accept_connection2" in repr(task.get_coro())]
    await asyncio.gather(*accepting, return_exceptions=True)
    server.close()


@contextmanager
def serving_aside(answer: Answers) -> Iterator[str]:
    """Serve as ``serving`` does, in a thread."""
    started: queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        async with serving(answer) as url:
            started.put((url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    url, loop, stop = started.get(timeout=10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def _request(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


def _rendered(reply: Reply) -> bytes:
    if reply.raw is not None:
        return reply.raw
    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} X\r\n{lines}\r\n".encode() + reply.body


def sequence(*replies: Reply) -> tuple[Answers, list[Request]]:
    """Give these replies in order, the last one for ever; return the requests as well."""
    left, requests = list(replies), []

    def answer(request: Request) -> Reply:
        requests.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer, requests


@dataclass
class Watcher:
    """Records codes and pauses, and advances time without waiting."""

    codes: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    time: float = 0

    def observe_server_request(self, endpoint: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.codes.append(f"{endpoint} {code}")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def argo_server(
    url: str, watcher: Watcher | None = None, *, tokens: TokenSource | None = None, timeout_seconds: float = 5
) -> ArgoServer:
    """Make a client whose retries take no time."""
    recorder = watcher or Watcher()
    return ArgoServer(
        ServerConnection(url, TlsConfig(), tokens or NoToken()),
        observer=recorder,
        clock=lambda: NOW,
        retry_policy=RetryPolicy(timeout_seconds=timeout_seconds),
        jitter=lambda: 1.0,
        monotonic=lambda: recorder.time,
        sleep=recorder.sleep,
    )


def workflow(
    name: str = "etl", namespace: str = "team", uid: str = "u-1", version: str = "7", **status: Any
) -> dict[str, Any]:
    """Return a Workflow as the server sends it."""
    node = {"id": name, "name": name, "displayName": name, "type": "Pod", "phase": "Succeeded"}
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version},
        "spec": {},
        "status": {"phase": "Succeeded", "nodes": {name: node}, **status},
    }


def script(folder: Path, body: str) -> tuple[str, ...]:
    """Write an executable that counts its runs in the file ``runs``."""
    path = folder / "token-command"
    path.write_text(f"#!/bin/sh\necho x >> {folder}/runs\n{body}\n")
    path.chmod(0o755)
    return (str(path), "--secret=s3cr3t-argument")
