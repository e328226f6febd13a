"""Where the API server is and who we are: kubeconfig or in-cluster, exec credentials and token files included.

All of it comes from the ``kubernetes`` package, which blocks (files, exec plugins): call these in a thread. It is
imported there, too: its generated client is half a second of CPU.
"""

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
    """Neither a usable kubeconfig nor a pod's ServiceAccount; the message says what was tried."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach the API server.

    Attributes:
        server: its URL, without a slash at the end.
        tls: None for plain http (``kubectl proxy``).
        server_name: the name in its certificate, where it is not the host's.
        proxy: an HTTP proxy on the way.
        authorization: the header's value; None with client certificates or a proxy that adds it.
    """

    server: str
    tls: ssl.SSLContext | None
    server_name: str | None
    proxy: str | None
    authorization: str | None


class Credentials:
    """Loads, and keeps tokens fresh. Not for concurrent use.

    Args:
        kubeconfig: this file and no other; None: where kubectl looks, else the pod's ServiceAccount.
        context: of the kubeconfig; None: its current one.
    """

    def __init__(self, *, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._configuration: Any = None

    def load(self) -> Endpoint:
        """Read everything afresh.

        Raises:
            NoCredentialsError: there is nothing usable.
        """
        self._configuration = found = _configuration(self._kubeconfig, self._context)
        server, authorization = str(found.host).rstrip("/"), self.authorization()
        if not _is_url(server):
            raise NoCredentialsError(f"the cluster's server {server!r} is no URL such as https://10.0.0.1:6443")
        encrypted = server.startswith("https:")
        if encrypted and not (authorization or found.cert_file):
            # an exec plugin that failed is only logged by the kubernetes package; without a name we would be anybody,
            # which is refused with a 403 that no new login follows
            raise NoCredentialsError("neither a token nor a certificate came from the kubeconfig or its exec plugin")
        return Endpoint(
            server=server,
            tls=_tls(found) if encrypted else None,
            server_name=found.tls_server_name or None,
            proxy=found.proxy or None,
            authorization=authorization,
        )

    def authorization(self) -> str | None:
        """The Authorization header's value, renewed where it is about to expire.

        Raises:
            UnauthorizedError: the exec plugin or token file that should give it does not.
        """
        from kubernetes.config import ConfigException  # noqa: PLC0415

        try:
            bearer = self._configuration.auth_settings().get("BearerToken", {}).get("value")
        except (ConfigException, OSError) as error:
            raise UnauthorizedError(f"credentials could not be renewed: {error}") from error
        if bearer:
            return str(bearer).strip()  # a token file may end with a line break, a header may not
        if self._configuration.username:
            return str(self._configuration.get_basic_auth_token())
        return None


def _configuration(kubeconfig: str | None, context: str | None) -> Any:
    """As kubectl does: $KUBECONFIG or ~/.kube/config, else the pod's ServiceAccount."""
    from kubernetes import config as untyped  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415

    config: Any = untyped
    found = Configuration()
    paths = [Path(path).expanduser() for path in (kubeconfig or config.KUBE_CONFIG_DEFAULT_LOCATION).split(":") if path]
    tried = ", ".join(map(str, paths))
    try:
        if kubeconfig or context or any(path.exists() for path in paths):
            config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=found, persist_config=False
            )
        else:
            tried += ", then the pod's ServiceAccount"
            config.load_incluster_config(client_configuration=found)
    except (config.ConfigException, OSError, ValueError) as error:
        raise NoCredentialsError(f"no way to the API server: {error} (tried {tried})") from error
    return found


def _is_url(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port, or of brackets
        return False


def _tls(found: Any) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=found.ssl_ca_cert or None)
        if found.cert_file:
            context.load_cert_chain(found.cert_file, found.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise NoCredentialsError(f"certificates could not be loaded: {error}") from error
    # clusters often have certificates from before RFC 5280's strictness became the default (Python 3.13)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not found.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        log.warning("the API server's certificate is not verified, as the kubeconfig says")
    return context
