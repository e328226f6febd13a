"""Argo Server's address, TLS and token, from the settings."""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from wfreport.argoserver.errors import ServerUnreachableError
from wfreport.argoserver.tokens import NoToken, TokenCommand, TokenFile, TokenSource
from wfreport.settings import Settings


class TlsConfig(Struct, frozen=True):
    """The files and options of TLS.

    Attributes:
        ca_file: certificates of authorities; None: the system's.
        verify: whether to verify the server's certificate.
        certificate_file: a client certificate with its chain; None: no client certificate.
        key_file: the client certificate's key; None: it is in the same file.
    """

    ca_file: Path | None = None
    verify: bool = True
    certificate_file: Path | None = None
    key_file: Path | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the files that are in use."""
        return tuple(path for path in (self.ca_file, self.certificate_file, self.key_file) if path)

    def context(self) -> ssl.SSLContext:
        """Make a context from the current content of the files.

        Raises:
            ServerUnreachableError: a file cannot be loaded.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            paths = ", ".join(map(str, self.files()))
            raise ServerUnreachableError(f"certificates cannot be loaded ({paths}): {error}") from error
        # Python 3.13 checks RFC 5280 strictly by default, and the certificates of many clusters do not comply
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class TlsContextCache:
    """Keeps a context until one of its files is replaced, as cert-manager and the kubelet do."""

    def __init__(self, config: TlsConfig) -> None:
        self._config = config
        self._modified_at_ns: tuple[int, ...] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context. This reads files: call it in a thread.

        Raises:
            ServerUnreachableError: a file cannot be loaded.
        """
        modified_at_ns = tuple(_modified_at_ns(path) for path in self._config.files())
        if self._context is None or modified_at_ns != self._modified_at_ns:
            self._context, self._modified_at_ns = self._config.context(), modified_at_ns
        return self._context


def _modified_at_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # loading the file reports the error


class ServerConnection(Struct, frozen=True):
    """How to reach Argo Server.

    Attributes:
        url: the server's URL with its base path, without a slash at the end.
        tls: the files and options of TLS.
        tokens: the source of our token.
    """

    url: str
    tls: TlsConfig
    tokens: TokenSource


def connection_of(settings: Settings, *, clock: Callable[[], datetime]) -> ServerConnection | None:
    """Return the connection that the settings describe; None without a URL."""
    if not settings.argo_server_url:
        return None
    tls = TlsConfig(
        ca_file=_path(settings.argo_server_ca_file),
        verify=not settings.argo_server_insecure_skip_verify,
        certificate_file=_path(settings.argo_server_client_certificate_file),
        key_file=_path(settings.argo_server_client_key_file),
    )
    return ServerConnection(settings.argo_server_url.rstrip("/"), tls, _tokens(settings, clock))


def _tokens(settings: Settings, clock: Callable[[], datetime]) -> TokenSource:
    if settings.argo_server_token_command:
        return TokenCommand(settings.argo_server_token_command, clock=clock)
    path = _path(settings.argo_server_token_file)
    return TokenFile(path) if path else NoToken()


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
