"""How to log in to an API server, read from plain files: a kubeconfig with a token or a certificate, a ServiceAccount.

The ``kubernetes`` package reads every kubeconfig, but importing it takes half a second of CPU. This module reads the
ordinary ones, with the package's precedence. It returns None for whatever it is not sure of, and the package then reads
it and has the error messages: exec plugins, auth providers, several files that have to be merged, and files that are
not valid.
"""

import base64
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_DEFAULT_KUBECONFIG: Final = "~/.kube/config"
_CERTIFICATES: Final = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")
_PLAIN_KEYS: Final = frozenset({"token", "tokenFile", "username", "password", *_CERTIFICATES})


class Login(Struct, frozen=True):
    """A cluster and how to identify to it.

    Attributes:
        server: the API server's URL, as it was written.
        authorization: returns the Authorization header's value, renewed if necessary; None for none.
        authority: the file or the PEM text of the certificates that the server's is verified with; None: the system's.
        certificate: the client certificate.
        key: its private key; None: it is in the certificate's file.
        is_verified: whether the server's certificate is verified.
        server_name: the name in the server's certificate, if that differs from the host.
        proxy: the URL of the HTTP proxy that the kubeconfig names; `wfreport.kube.proxies` has that of the environment.
        namespace: the context's namespace; None without a kubeconfig.
    """

    server: str
    authorization: Callable[[], str | None]
    authority: Path | bytes | None = None
    certificate: Path | bytes | None = None
    key: Path | bytes | None = None
    is_verified: bool = True
    server_name: str | None = None
    proxy: str | None = None
    namespace: str | None = None

    def tls(self, former: ssl.SSLContext | None = None) -> ssl.SSLContext:
        """Return a TLS context, or the former one, which open sessions use, with the present certificates added.

        Authorities that were removed stay trusted until the operator restarts.

        Raises:
            OSError: a file cannot be read, or is not a certificate (ssl.SSLError).
        """
        cafile = str(self.authority) if isinstance(self.authority, Path) else None
        cadata = self.authority.decode() if isinstance(self.authority, bytes) else None
        context = former or ssl.create_default_context(cafile=cafile, cadata=cadata)
        if former and self.authority:
            former.load_verify_locations(cafile, cadata=cadata)
        if self.certificate:
            self._load_certificate(context, self.certificate)
        # Python 3.13 checks RFC 5280 strictly by default, and the certificates of many clusters do not comply
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _load_certificate(self, context: ssl.SSLContext, certificate: Path | bytes) -> None:
        import tempfile  # noqa: PLC0415  (kubeconfigs with a token do without it)

        with tempfile.TemporaryDirectory(prefix="wfreport-") as folder:  # the ssl module reads nothing but files
            paths = [_path(content, Path(folder, name)) for name, content in (("crt", certificate), ("key", self.key))]
            context.load_cert_chain(str(paths[0]), paths[1] and str(paths[1]))


def kubeconfig_paths(kubeconfig: str | None) -> str:
    """Return the given paths of kubeconfigs, else those that kubectl would read, separated as in ``$KUBECONFIG``."""
    return kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT_KUBECONFIG


def expanded(path: str) -> Path:
    """Return the path with the home for its ``~``; unchanged if the user has none, as in a pod of any user ID."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def plain_login(kubeconfig: str | None, context: str | None) -> Login | None:
    """Return the login of a kubeconfig, or of the pod's ServiceAccount if there is none; None if that is not plain."""
    paths = [expanded(path) for path in kubeconfig_paths(kubeconfig).split(os.pathsep) if path]
    try:
        if any(path.exists() for path in paths):
            return _of_kubeconfig(paths[0], context) if len(paths) == 1 else None
        return None if kubeconfig or context else _of_service_account()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return None


def _of_kubeconfig(path: Path, context: str | None) -> Login | None:
    config = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    selected = _named(config["contexts"], context or config["current-context"])["context"]
    cluster = _named(config["clusters"], selected["cluster"])["cluster"]
    user = _named(config["users"], selected["user"])["user"] or {} if selected.get("user") else {}
    if not set(user) <= _PLAIN_KEYS:
        return None
    folder = path.absolute().parent
    return Login(
        server=str(cluster["server"]),
        authorization=_authorization(user, folder),
        authority=_material(cluster, "certificate-authority", folder),
        certificate=_material(user, "client-certificate", folder),
        key=_material(user, "client-key", folder),
        is_verified=not cluster.get("insecure-skip-tls-verify"),
        server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=selected.get("namespace") or "default",
    )


def _named(entries: Any, name: str) -> Mapping[str, Any]:
    (found,) = (entry for entry in entries if entry["name"] == name)
    return dict(found)


def _material(section: Mapping[str, Any], key: str, folder: Path) -> Path | bytes | None:
    if data := section.get(f"{key}-data"):
        return base64.standard_b64decode(data)
    file = section.get(key)
    if file and not (folder / file).is_file():
        raise FileNotFoundError(folder / file)
    return folder / file if file else None


def _authorization(user: Mapping[str, Any], folder: Path) -> Callable[[], str | None]:
    if token := user.get("token"):
        return lambda: f"Bearer {str(token).strip()}"
    if token_file := user.get("tokenFile"):
        return _token_of(folder / token_file, "Bearer")
    if "username" in user and "password" in user:
        pair = base64.b64encode(f"{user['username']}:{user['password']}".encode("latin-1")).decode()
        return lambda: f"Basic {pair}"
    return lambda: None


def _of_service_account() -> Login:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    authority, authorization = SERVICE_ACCOUNT / "ca.crt", _token_of(SERVICE_ACCOUNT / "token", "bearer")
    if not (host and port and authority.read_text()):
        raise ValueError("empty")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Login(server, authorization, authority)


def _token_of(path: Path, scheme: str) -> Callable[[], str]:
    """Return a function that reads a token, which may rotate; read it once now."""

    def read() -> str:
        token = path.read_text().strip()
        if not token:
            raise OSError(f"the token file {path} is empty")
        return f"{scheme} {token}"

    read()
    return read


def _path(content: Path | bytes | None, unwritten: Path) -> Path | None:
    if isinstance(content, bytes):
        unwritten.touch(mode=0o600)
        unwritten.write_bytes(content)
        return unwritten
    return content
