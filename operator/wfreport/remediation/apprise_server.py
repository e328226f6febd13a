"""Sends notifications by Apprise, in processes of their own. The operator itself never imports Apprise.

    operator ──control──► server: has imported Apprise, holds no message, no URL and no token
        │                   │ fork
        └──one connection──►worker: reads one message, sends it in its sandbox, answers, ends

Importing Apprise costs about a second of CPU; a fork costs milliseconds. So the server imports it once, and forks a
worker for each message. The server kills a worker that takes too long, and all of them when the operator ends.
"""

import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from msgspec import Struct

from wfreport.remediation.apprise_rules import argument_problem, schema_problem
from wfreport.remediation.apprise_sandbox import Sandbox
from wfreport.remediation.destinations import DestinationRules

SEND_SECONDS: Final = 20
"""Timeout of one delivery. A worker that takes longer is killed."""

READY: Final = b"r"
"""The server's first byte to the operator, and each worker's."""

SENT, REFUSED, BLOCKED, FAILED = "sent", "refused", "blocked", "failed"
"""Results: delivered, a URL is not allowed, an address is not allowed, not delivered."""

_REAP_SECONDS: Final = 0.2
_STACK_BYTES: Final = 512 * 1024
_SERVICE_SECONDS: Final = SEND_SECONDS - 2


class _UnusableUrlError(Exception):
    """A URL is not allowed, or Apprise cannot use it. The message names neither the URL nor a part of it."""


class _DeliveryProcess(Struct, frozen=True):
    pid: int
    kill_at: float


def main(control_fd: int) -> None:
    """Serve until the operator closes its end of the control socket."""
    with socket.socket(fileno=control_fd) as control:
        _import_apprise()
        control.sendall(READY)
        serve(control, _run_worker)


def serve(control: socket.socket, run: Callable[[socket.socket], None], *, seconds: float = SEND_SECONDS) -> None:
    """Fork a worker for each connection that arrives over ``control``; kill those that take longer than ``seconds``."""
    workers: list[_DeliveryProcess] = []
    try:
        while True:
            workers = [worker for worker in workers if _is_running(worker)]
            if not select.select([control], [], [], _REAP_SECONDS if workers else None)[0]:
                continue
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            pid = os.fork()
            if not pid:
                control.close()
                _become_worker(descriptors[0], run)
            os.close(descriptors[0])
            workers.append(_DeliveryProcess(pid, time.monotonic() + seconds))
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)


def _is_running(worker: _DeliveryProcess) -> bool:
    """Return whether a worker still runs. Kill it if its time is over."""
    if time.monotonic() > worker.kill_at:
        os.kill(worker.pid, signal.SIGKILL)
    return os.waitpid(worker.pid, os.WNOHANG)[0] == 0


def _become_worker(descriptor: int, run: Callable[[socket.socket], None]) -> NoReturn:
    """Run one worker in this fork, and end it without the server's clean-up."""
    code = 1
    try:
        with socket.socket(fileno=descriptor) as connection:
            run(connection)
        code = 0
    finally:
        os._exit(code)


def _run_worker(connection: socket.socket) -> None:
    """Deliver the message that the operator sends over the connection, and answer with the result."""
    connection.sendall(READY)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.readline())
    threading.Thread(target=_end_with_operator, args=[connection], daemon=True).start()
    connection.sendall(json.dumps(_answer_to(request)).encode() + b"\n")


def _end_with_operator(connection: socket.socket) -> None:
    """End this process once the operator has closed the connection: nobody waits for the result any more."""
    connection.recv(1)
    os._exit(1)


def _answer_to(request: dict[str, Any]) -> dict[str, str]:
    """Deliver a message; return the result and its explanation."""
    api_server = [(host, port) for host, port in request["api_server"]]
    sandbox = Sandbox(DestinationRules(request["allow_loopback"], api_server), dict(os.environ))
    sandbox.enter()
    try:
        is_sent, problem = _deliver(request), "Apprise could not deliver"
    except _UnusableUrlError as error:
        return {"result": REFUSED, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - a hundred plugins, whose errors may contain the URL
        is_sent, problem = False, type(error).__name__
    if is_sent:
        return {"result": SENT, "message": ""}
    if sandbox.refused_address:
        return {"result": BLOCKED, "message": str(sandbox.refused_address)}
    return {"result": FAILED, "message": problem}


def _import_apprise() -> None:
    """Import everything that workers need, so that they share its memory."""
    import apprise  # noqa: PLC0415 - the operator imports this module for its constants

    threading.stack_size(_STACK_BYTES)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs URLs, which contain credentials
    plugins: Any = apprise.plugins
    plugins.N_MGR.load_modules()
    gc.collect()
    gc.freeze()


def _deliver(request: dict[str, Any]) -> bool:
    """Send a message to all URLs, unless one of them is not allowed; return whether all have it."""
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        secure_logging=True,
        http_redirects=False,
        allow_templates=False,
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=_SERVICE_SECONDS,
    )
    target = apprise.Apprise(asset=asset)
    plugins: Any = apprise.plugins
    plugins.N_MGR.enable_only(*request["schemas"])
    for number, url in enumerate(request["urls"], 1):
        target.add(_service_of(url, number, request["schemas"], asset))
    kind = apprise.NotifyType.SUCCESS if request["is_good"] else apprise.NotifyType.FAILURE
    return bool(
        target.notify(
            title=request["title"], body=request["body"], notify_type=kind, body_format=apprise.NotifyFormat.MARKDOWN
        )
    )


def _service_of(url: str, number: int, schemas: list[str], asset: Any) -> Any:
    """Return Apprise's object for a URL.

    Raises:
        _UnusableUrlError: the URL is not allowed, or Apprise cannot use it.
    """
    import apprise  # noqa: PLC0415

    plugins: Any = apprise.plugins
    known = plugins.N_MGR.schemas()
    parsed = plugins.url_to_dict(url, secure_logging=True) or {}
    schema = str(parsed.get("schema") or url.partition("://")[0]).lower()
    problem = schema_problem(schema, is_known=schema in known, allowed=schemas)
    if not problem and not parsed:
        problem = f"Apprise cannot parse it as {schema}"
    if not problem:
        problem = argument_problem(schema, parsed, known=set(plugins.N_MGR[schema].template_args))
    if problem:
        raise _UnusableUrlError(f"URL {number}: {problem}")
    service = apprise.Apprise.instantiate(parsed, asset=asset)
    if service is None:
        raise _UnusableUrlError(f"URL {number}: a part that the schema {schema} requires is missing or invalid")
    return service


if __name__ == "__main__":
    main(int(sys.argv[1]))
