"""Where Argo Server is, and how it is trusted."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wfreport.argoserver.errors import ServerUnreachableError
from wfreport.argoserver.tokens import NoToken, TokenCommand, TokenFile, TokenSource
from wfreport.settings import Settings


@dataclass(frozen=True, slots=True)
class Trust:
    """How TLS is done.

    Attributes:
        ca_file: certificates of authorities; None for the system's.
        verified: whether the server's certificate is checked.
        certificate_file: a client certificate, its chain included.
        key_file: its key; None where it is in the same file.
    """

    ca_file: Path | None = None
    verified: bool = True
    certificate_file: Path | None = None
    key_file: Path | None = None

    def files(self) -> tuple[Path, ...]:
        """The files that it is made of."""
        return tuple(path for path in (self.ca_file, self.certificate_file, self.key_file) if path)

    def context(self) -> ssl.SSLContext:
        """A context from the files as they are now.

        Raises:
            ServerUnreachableError: a file cannot be loaded.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            named = ", ".join(map(str, self.files()))
            raise ServerUnreachableError(f"certificates cannot be loaded ({named}): {error}") from error
        # clusters often have certificates from before RFC 5280's strictness became the default (Python 3.13)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class TlsFiles:
    """The context of the moment: made anew when a file was replaced, as cert-manager and the kubelet do."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._seen: tuple[int, ...] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context. It reads files: call it in a thread.

        Raises:
            ServerUnreachableError: a file cannot be loaded.
        """
        seen = tuple(_changed_at_ns(path) for path in self._trust.files())
        if self._context is None or seen != self._seen:
            self._context, self._seen = self._trust.context(), seen
        return self._context


def _changed_at_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # loading it says what is wrong


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach Argo Server.

    Attributes:
        url: its URL with its base path, without a slash at the end.
        trust: how TLS is done.
        tokens: who we are.
    """

    url: str
    trust: Trust
    tokens: TokenSource


def connection_of(settings: Settings, *, clock: Callable[[], datetime]) -> Connection | None:
    """The connection that the settings describe; None without a URL."""
    if not settings.argo_server_url:
        return None
    trust = Trust(
        ca_file=_path(settings.argo_server_ca_file),
        verified=not settings.argo_server_insecure_skip_verify,
        certificate_file=_path(settings.argo_server_client_certificate_file),
        key_file=_path(settings.argo_server_client_key_file),
    )
    return Connection(settings.argo_server_url.rstrip("/"), trust, _tokens(settings, clock))


def _tokens(settings: Settings, clock: Callable[[], datetime]) -> TokenSource:
    if settings.argo_server_token_command:
        return TokenCommand(settings.argo_server_token_command, clock=clock)
    path = _path(settings.argo_server_token_file)
    return TokenFile(path) if path else NoToken()


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
