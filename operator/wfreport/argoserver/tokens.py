"""Who we are to Argo Server: a token in a file that rotates, or one that a command prints.

Any of the server's modes takes what comes of it: a ServiceAccount's token (client), an SSO or OAuth2 token (sso), none
(server). A token is in nobody's hands longer than a request: it is in no message, and in the repr of nothing.
"""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec

from wfreport.api.argo import Struct
from wfreport.argoserver.errors import ServerUnauthorizedError

COMMAND_SECONDS: Final = 30
"""A command that takes longer asks somebody for something, and nobody is there."""

TOKEN_LIFE: Final = timedelta(minutes=5)
"""How long a token is used of which nothing says when it expires."""

EARLY: Final = timedelta(seconds=30)
"""A token is renewed so long before it expires."""

_MAX_BYTES: Final = 64 * 1024
_BEARER: Final = "Bearer "
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class TokenSource(Protocol):
    """Gives the token of the moment."""

    async def token(self) -> str | None:
        """The token without its scheme; None for a server that wants none.

        Raises:
            ServerUnauthorizedError: there should be one and is not; the message says what to do.
        """
        ...

    def forget(self) -> None:
        """The server refused the token: the next one is to be had afresh."""
        ...


class NoToken:
    """For ``--auth-mode=server``."""

    async def token(self) -> str | None:
        """None."""
        return None

    def forget(self) -> None:
        """There is nothing to forget."""


class TokenFile:
    """A token in a file: a projected ServiceAccount token, a mounted Secret. It is read for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str | None:
        """What the file has now."""
        try:
            content = await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            raise ServerUnauthorizedError(f"the token file {self._path} cannot be read: {error.strerror}") from None
        return _checked(content[:_MAX_BYTES], f"the token file {self._path}")

    def forget(self) -> None:
        """Nothing is kept."""


class _CredentialStatus(Struct, frozen=True):
    token: str = ""
    expiration_timestamp: datetime | None = None


class _Printed(Struct, frozen=True):
    """An ExecCredential (client.authentication.k8s.io), or an OAuth2 answer (RFC 6749 §5.1)."""

    status: _CredentialStatus = _CredentialStatus()
    access_token: str = msgspec.field(default="", name="access_token")
    id_token: str = msgspec.field(default="", name="id_token")
    expires_in: float | None = msgspec.field(default=None, name="expires_in")


_decode_printed: Final = msgspec.json.Decoder(_Printed, strict=False).decode


class TokenCommand:
    """A command that prints a token: as an ExecCredential, as an OAuth2 answer, or bare.

    It is run once for all requests, and again when the token expires or was refused. Its stderr goes nowhere: it may
    have the token.
    """

    def __init__(self, argv: Sequence[str], *, clock: Callable[[], datetime], seconds: float = COMMAND_SECONDS) -> None:
        self._argv = tuple(argv)
        self._clock = clock
        self._seconds = seconds
        self._token: str | None = None
        self._until = clock()
        self._running = asyncio.Lock()

    async def token(self) -> str | None:
        """The token that was printed last, while it is good."""
        async with self._running:
            if self._token is None or self._clock() >= self._until:
                self._token, self._until = self._read(await self._output())
            return self._token

    def forget(self) -> None:
        """Run the command again for the next request."""
        self._token = None

    @property
    def _name(self) -> str:
        # its arguments may have a secret
        return f"the token command {self._argv[0]}"

    async def _output(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise ServerUnauthorizedError(f"{self._name} cannot be run: {error.strerror}") from None
        try:
            output, _ = await asyncio.wait_for(process.communicate(), self._seconds)
        except TimeoutError:
            raise ServerUnauthorizedError(f"{self._name} did not end within {self._seconds:g} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # what it started holds its output open
                await process.wait()
        if process.returncode:
            raise ServerUnauthorizedError(
                f"{self._name} ended with code {process.returncode}; run it by hand to see why"
            )
        return output[:_MAX_BYTES]

    def _read(self, output: bytes) -> tuple[str, datetime]:
        now = self._clock()
        try:
            printed = _decode_printed(output)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _checked(output, self._name), now + TOKEN_LIFE
        token = printed.status.token or printed.access_token or printed.id_token
        expires_at = printed.status.expiration_timestamp
        if expires_at is None:
            expires_at = now + (timedelta(seconds=printed.expires_in) if printed.expires_in else TOKEN_LIFE + EARLY)
        if expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        return _checked(token.encode(), self._name), expires_at - EARLY


def _checked(content: bytes, source: str) -> str:
    """The token in this; never its text in an error."""
    token = content.decode("ascii", "replace").strip()
    if token[: len(_BEARER)].lower() == _BEARER.lower():  # ``argo auth token`` prints it with its scheme
        token = token[len(_BEARER) :].strip()
    if not token:
        raise ServerUnauthorizedError(f"{source} gives no token")
    if not _TOKEN.fullmatch(token):
        raise ServerUnauthorizedError(f"{source} gives something that is no token: one line of ASCII is expected")
    return token
