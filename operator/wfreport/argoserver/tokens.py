"""Our token for Argo Server: from a file that rotates, or from the output of a command.

The server's --auth-mode determines the kind of token: a ServiceAccount's (client), an SSO or OAuth2 token (sso), or
none (server). No message, log line or repr contains a token.
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
"""The time limit of a command: a longer one probably waits for input, which nobody gives."""

DEFAULT_LIFETIME: Final = timedelta(minutes=5)
"""The time for which a token without an expiration time is used."""

RENEW_BEFORE: Final = timedelta(seconds=30)
"""The time before its expiration at which a token is renewed."""

_MAX_BYTES: Final = 64 * 1024
_BEARER: Final = "Bearer "
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class TokenSource(Protocol):
    """A source of tokens."""

    async def token(self) -> str | None:
        """Return the current token without its scheme; None for a server that needs none.

        Raises:
            ServerUnauthorizedError: no token could be loaded; the message gives the reason.
        """
        ...

    def invalidate(self) -> None:
        """Drop a token that the server refused, so that the next call loads a new one."""
        ...


class NoToken:
    """For ``--auth-mode=server``."""

    async def token(self) -> str | None:
        """Return None."""
        return None

    def invalidate(self) -> None:
        """Do nothing."""


class TokenFile:
    """A token in a file (a projected ServiceAccount token, a mounted Secret), which is read for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str | None:
        """Read the token from the file."""
        try:
            content = await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            raise ServerUnauthorizedError(f"the token file {self._path} cannot be read: {error.strerror}") from None
        return _validated(content[:_MAX_BYTES], f"the token file {self._path}")

    def invalidate(self) -> None:
        """Do nothing: every call reads the file."""


class _CredentialStatus(Struct, frozen=True):
    token: str = ""
    expiration_timestamp: datetime | None = None


class _TokenOutput(Struct, frozen=True):
    """An ExecCredential (client.authentication.k8s.io), or an OAuth2 token response (RFC 6749 §5.1)."""

    status: _CredentialStatus = _CredentialStatus()
    access_token: str = msgspec.field(default="", name="access_token")
    id_token: str = msgspec.field(default="", name="id_token")
    expires_in: float | None = msgspec.field(default=None, name="expires_in")


_decode_output: Final = msgspec.json.Decoder(_TokenOutput, strict=False).decode


class TokenCommand:
    """A command that prints a token: as an ExecCredential, as an OAuth2 token response, or bare.

    It runs once for all requests, and again after the token expires or is refused. Its stderr is discarded, because it
    may contain the token.
    """

    def __init__(self, argv: Sequence[str], *, clock: Callable[[], datetime], seconds: float = COMMAND_SECONDS) -> None:
        self._argv = tuple(argv)
        self._clock = clock
        self._seconds = seconds
        self._token: str | None = None
        self._renew_at = clock()
        self._lock = asyncio.Lock()

    async def token(self) -> str | None:
        """Return the last token until it expires, then run the command again."""
        async with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                self._token, self._renew_at = self._read(await self._output())
            return self._token

    def invalidate(self) -> None:
        """Run the command again for the next request."""
        self._token = None

    @property
    def _name(self) -> str:
        # the arguments may contain a secret
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
                os.killpg(process.pid, signal.SIGKILL)  # its children hold its output open
                await process.wait()
        if process.returncode:
            raise ServerUnauthorizedError(
                f"{self._name} failed with exit code {process.returncode}; run it by hand to see why"
            )
        return output[:_MAX_BYTES]

    def _read(self, output: bytes) -> tuple[str, datetime]:
        now = self._clock()
        try:
            credential = _decode_output(output)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _validated(output, self._name), now + DEFAULT_LIFETIME
        token = credential.status.token or credential.access_token or credential.id_token
        expires_at = credential.status.expiration_timestamp
        if expires_at is None:
            seconds = credential.expires_in
            expires_at = now + (timedelta(seconds=seconds) if seconds else DEFAULT_LIFETIME + RENEW_BEFORE)
        if expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        return _validated(token.encode(), self._name), expires_at - RENEW_BEFORE


def _validated(content: bytes, source: str) -> str:
    """Return the token without its scheme. Errors never show the content."""
    token = content.decode("ascii", "replace").strip()
    if token[: len(_BEARER)].lower() == _BEARER.lower():  # ``argo auth token`` prints the scheme as well
        token = token[len(_BEARER) :].strip()
    if not token:
        raise ServerUnauthorizedError(f"{source} provides no token")
    if not _TOKEN.fullmatch(token):
        raise ServerUnauthorizedError(f"{source} does not provide a token: one line of ASCII is expected")
    return token
