"""The API server's address and our credentials, from a kubeconfig or the pod's ServiceAccount.

Plain ones are read by `wfreport.kube.login`, all others by the ``kubernetes`` package, with exec plugins. Both block:
call these functions in a thread. The package is imported there, and only if it is needed, because its generated client
takes half a second of CPU.
"""

import contextlib
import logging
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from wfreport.kube.errors import UnauthorizedError
from wfreport.kube.login import SERVICE_ACCOUNT, Login, expanded, kubeconfig_paths, plain_login
from wfreport.kube.proxies import UnusableProxyError, proxy_for

log = logging.getLogger(__name__)


class NoCredentialsError(Exception):
    """There is neither a usable kubeconfig nor a ServiceAccount; the message lists the places that were tried."""


class Endpoint(Struct, frozen=True):
    """How to reach the API server.

    Attributes:
        server: its URL, without a slash at the end.
        tls: None for plain http (``kubectl proxy``).
        server_name: the name in its certificate, if that differs from the host.
        proxy: the URL of an HTTP proxy to go through.
        authorization: the Authorization header's value; None with a client certificate, or a proxy that adds it.
    """

    server: str
    tls: ssl.SSLContext | None
    server_name: str | None
    proxy: str | None
    authorization: str | None


class Credentials:
    """Loads credentials and renews tokens. Not for concurrent use.

    Args:
        kubeconfig: the only file to read; None: kubectl's default files, else the pod's ServiceAccount.
        context: the kubeconfig's context; None: its current one.
    """

    def __init__(self, *, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._login: Login | None = None
        self._tls: ssl.SSLContext | None = None

    def load(self) -> Endpoint:
        """Read the kubeconfig or ServiceAccount again.

        Raises:
            NoCredentialsError: neither is usable.
        """
        login = plain_login(self._kubeconfig, self._context) or _read_by_package(self._kubeconfig, self._context)
        self._login = login
        server, authorization = login.server.rstrip("/"), self.authorization()
        if not _is_url(server):
            raise NoCredentialsError(f"the cluster's server {server!r} is not a URL such as https://10.0.0.1:6443")
        encrypted = server.startswith("https:")
        if encrypted and not (authorization or login.certificate):
            # the kubernetes package only logs the failure of an exec plugin; anonymous requests would then get a 403,
            # after which there is no new login
            raise NoCredentialsError("the kubeconfig or its exec plugin provides neither a token nor a certificate")
        if encrypted:
            self._tls = _tls(login, self._tls)
        return Endpoint(
            server=server,
            tls=self._tls if encrypted else None,
            server_name=login.server_name or None,
            proxy=login.proxy or _environment_proxy(server),
            authorization=authorization,
        )

    def namespace(self) -> str:
        """Return the namespace that kubectl would use: the context's, the pod's own, or ``default``."""
        login = plain_login(self._kubeconfig, self._context)
        if login and login.namespace:
            return login.namespace
        if not login:
            with contextlib.suppress(_NoContext):
                return _namespace_by_package(self._kubeconfig, self._context)
        own = SERVICE_ACCOUNT / "namespace"
        return own.read_text().strip() if own.exists() else "default"

    def authorization(self) -> str | None:
        """Return the Authorization header's value; renew the token first if it is about to expire.

        Raises:
            UnauthorizedError: the exec plugin or token file does not provide one.
        """
        if self._login is None:
            raise RuntimeError("load the credentials first")
        try:
            value = self._login.authorization()
        except OSError as error:
            raise UnauthorizedError(f"credentials could not be renewed: {error}") from error
        if value and not (value.isascii() and value.isprintable()):
            raise UnauthorizedError(
                "the token contains a character that is not printable ASCII: correct the token file, the kubeconfig or "
                "the output of its exec plugin"
            )
        return value


class BearerCredentials(Credentials):
    """A bearer token that somebody else has sent, for an API server that is known. It is never renewed.

    Args:
        server: URL of the API server.
        tls: how to verify it; None for plain http.
        token: the token.
    """

    def __init__(self, server: str, tls: ssl.SSLContext | None, token: str) -> None:
        super().__init__()
        self._endpoint = Endpoint(
            server=server.rstrip("/"), tls=tls, server_name=None, proxy=None, authorization=f"Bearer {token}"
        )

    def load(self) -> Endpoint:
        """Return the endpoint; there is nothing to read."""
        return self._endpoint

    def authorization(self) -> str | None:
        """Return the Authorization header's value."""
        return self._endpoint.authorization


def pod_endpoint(authority: Path) -> tuple[str, ssl.SSLContext]:
    """Return the API server's URL and TLS of a pod that has no ServiceAccount token of its own.

    Args:
        authority: file of the cluster's certificate authority.

    Raises:
        NoCredentialsError: this is no pod, or the file cannot be used.
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not (host and port):
        raise NoCredentialsError("not running in a pod: KUBERNETES_SERVICE_HOST and _PORT are not set")
    login = Login(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}", lambda: None, authority)
    return login.server, _tls(login, None)


class _NoContext(Exception):  # noqa: N818 - an answer
    """There is no kubeconfig, or it has no such context."""


def _namespace_by_package(kubeconfig: str | None, context: str | None) -> str:
    from kubernetes import config as untyped  # noqa: PLC0415

    config: Any = untyped
    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig_paths(kubeconfig))
    except (config.ConfigException, OSError) as error:
        raise _NoContext from error
    selected = next((one for one in contexts if one["name"] == context), active)
    return str(selected["context"].get("namespace") or "default")


def _read_by_package(kubeconfig: str | None, context: str | None) -> Login:
    """Load $KUBECONFIG or ~/.kube/config as kubectl does, else the pod's ServiceAccount."""
    from kubernetes import config as untyped  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415

    config: Any = untyped
    configuration = Configuration()
    configuration.proxy = None  # the package reads it from the environment, but not NO_PROXY
    paths = [expanded(path) for path in kubeconfig_paths(kubeconfig).split(os.pathsep) if path]
    tried = f" (tried {', '.join(map(str, paths))})" if paths else ""
    problem = "the kubeconfig cannot be used"
    try:
        if kubeconfig or context or any(path.exists() for path in paths):
            config.load_kube_config(
                config_file=kubeconfig_paths(kubeconfig),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            problem = "no kubeconfig found and not running in a pod"
            config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        raise NoCredentialsError(f"{problem}: {error}{tried}") from error
    return _login_of(configuration, config.ConfigException)


def _login_of(configuration: Any, problem: type[Exception]) -> Login:
    """Return the login that the ``kubernetes`` package has read; ``problem`` is the package's error."""

    def authorization() -> str | None:
        try:
            bearer = configuration.auth_settings().get("BearerToken", {}).get("value")
        except problem as error:
            raise OSError(str(error)) from error
        if bearer:
            return str(bearer).strip()  # a token file may end with a line break, which a header must not contain
        return str(configuration.get_basic_auth_token()) if configuration.username else None

    def path(name: str) -> Path | None:
        value = getattr(configuration, name)
        return Path(value) if value else None

    return Login(
        server=str(configuration.host),
        authorization=authorization,
        authority=path("ssl_ca_cert"),
        certificate=path("cert_file"),
        key=path("key_file"),
        is_verified=bool(configuration.verify_ssl),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


def _is_url(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        return False


def _environment_proxy(server: str) -> str | None:
    try:
        return proxy_for(server, os.environ)
    except UnusableProxyError as error:
        raise NoCredentialsError(str(error)) from error


def _tls(login: Login, former: ssl.SSLContext | None) -> ssl.SSLContext:
    try:
        context = login.tls(former)
    except (OSError, ValueError) as error:
        raise NoCredentialsError(f"certificates cannot be loaded: {error}") from error
    if not login.is_verified:
        log.warning("TLS verification of the API server is disabled by the kubeconfig")
    return context
