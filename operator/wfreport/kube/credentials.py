"""The API server's address and our credentials, from a kubeconfig or the pod's ServiceAccount.

The ``kubernetes`` package reads them, with exec plugins and token files. It blocks: call these functions in a thread.
They also import it there, because its generated client takes half a second of CPU.
"""

import contextlib
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wfreport.kube.errors import UnauthorizedError

log = logging.getLogger(__name__)

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCredentialsError(Exception):
    """There is neither a usable kubeconfig nor a ServiceAccount; the message lists the places that were tried."""


@dataclass(frozen=True, slots=True)
class Endpoint:
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
        self._configuration: Any = None

    def load(self) -> Endpoint:
        """Read the kubeconfig or ServiceAccount again.

        Raises:
            NoCredentialsError: neither is usable.
        """
        self._configuration = configuration = _configuration(self._kubeconfig, self._context)
        server, authorization = str(configuration.host).rstrip("/"), self.authorization()
        if not _is_url(server):
            raise NoCredentialsError(f"the cluster's server {server!r} is not a URL such as https://10.0.0.1:6443")
        encrypted = server.startswith("https:")
        if encrypted and not (authorization or configuration.cert_file):
            # the kubernetes package only logs the failure of an exec plugin; anonymous requests would then get a 403,
            # after which there is no new login
            raise NoCredentialsError("the kubeconfig or its exec plugin provides neither a token nor a certificate")
        return Endpoint(
            server=server,
            tls=_tls(configuration) if encrypted else None,
            server_name=configuration.tls_server_name or None,
            proxy=configuration.proxy or None,
            authorization=authorization,
        )

    def namespace(self) -> str:
        """Return the namespace that kubectl would use: the context's, the pod's own, or ``default``."""
        from kubernetes import config as untyped  # noqa: PLC0415

        config: Any = untyped
        with contextlib.suppress(config.ConfigException, OSError):
            contexts, active = config.list_kube_config_contexts(self._kubeconfig)
            selected = next((context for context in contexts if context["name"] == self._context), active)
            return str(selected["context"].get("namespace") or "default")
        return SERVICE_ACCOUNT_NAMESPACE.read_text().strip() if SERVICE_ACCOUNT_NAMESPACE.exists() else "default"

    def authorization(self) -> str | None:
        """Return the Authorization header's value; renew the token first if it is about to expire.

        Raises:
            UnauthorizedError: the exec plugin or token file does not provide one.
        """
        from kubernetes.config import ConfigException  # noqa: PLC0415

        try:
            bearer = self._configuration.auth_settings().get("BearerToken", {}).get("value")
        except (ConfigException, OSError) as error:
            raise UnauthorizedError(f"credentials could not be renewed: {error}") from error
        if bearer:
            return str(bearer).strip()  # a token file may end with a line break, which a header must not contain
        if self._configuration.username:
            return str(self._configuration.get_basic_auth_token())
        return None


def _configuration(kubeconfig: str | None, context: str | None) -> Any:
    """Load $KUBECONFIG or ~/.kube/config as kubectl does, else the pod's ServiceAccount."""
    from kubernetes import config as untyped  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415

    config: Any = untyped
    configuration = Configuration()
    paths = [Path(path).expanduser() for path in (kubeconfig or config.KUBE_CONFIG_DEFAULT_LOCATION).split(":") if path]
    tried = f" (tried {', '.join(map(str, paths))})" if paths else ""
    problem = "the kubeconfig cannot be used"
    try:
        if kubeconfig or context or any(path.exists() for path in paths):
            config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
            )
        else:
            problem = "no kubeconfig found and not running in a pod"
            config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        raise NoCredentialsError(f"{problem}: {error}{tried}") from error
    return configuration


def _is_url(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        return False


def _tls(configuration: Any) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise NoCredentialsError(f"certificates cannot be loaded: {error}") from error
    # Python 3.13 checks RFC 5280 strictly by default, and the certificates of many clusters do not comply
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        log.warning("TLS verification of the API server is disabled by the kubeconfig")
    return context
