"""The control plane: etcd, kube-apiserver and, on request, further components of a cluster."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import urllib3

from controlplane import extras
from controlplane.api import Api, Json
from controlplane.argo import ArgoRelease, argo_release
from controlplane.binaries import CONTROLLERS, STORE, binary, kubectl
from controlplane.certs import Pki, create_pki
from controlplane.component import Component
from controlplane.crds import Flavour, default_crds, install_crds, wait_until_served
from controlplane.errors import ApiError, ComponentDiedError, ControlPlaneError, PortTakenError
from controlplane.kubeconfig import write_kubeconfig
from controlplane.ports import free_ports
from controlplane.postgres import Postgres
from controlplane.waiting import wait_until

ADMIN = "admin"
ADMIN_GROUP = "system:masters"
AUDIT_STAGE = "ResponseComplete"
_START_ATTEMPTS = 4


@dataclass(kw_only=True, slots=True)
class ControlPlane:
    """A Kubernetes control plane on this machine, as a context manager. Several can run side by side.

    All components stop with it: when the block ends, on Ctrl-C, and if this process is killed.

    Attributes:
        controller_manager: run kube-controller-manager (garbage collection, namespaces, service accounts).
        kwok: simulate the node `kwok-0` and its kubelet. Annotations determine a pod's outcome (stages/).
        argo: run the real Argo controller; implies the two above.
        argo_server: run Argo Server as well, at `argo_server_url`.
        argo_server_tls: serve it with TLS, with a certificate signed by `ca`.
        argo_auth_modes: accepted authentication: `server` (none), `client` (a Kubernetes token), `sso`.
        argo_database: run PostgreSQL. Argo then offloads all nodes and archives every run.
        argo_config: further entries of workflow-controller-configmap.
        real_pods: a real node (tools/realnode) runs the pods instead of kwok. Pods get their service account's
            token, and the node is not tainted.
        workflow_crds: the CRDs of Argo's kinds.
        own_kinds: install wfreport's CRDs as well.
        users: further users of the token file, each with its groups; see `kubeconfig_for`.
        audit_policy: an audit.k8s.io/v1 Policy. `audit_events()` returns the selected requests.
        apiserver_flags: further flags of kube-apiserver.
        etcd_flags: further flags of etcd; the last of two equal ones counts.
        folder_root: the parent of the plane's temporary folder, by default the system's.
    """

    controller_manager: bool = False
    kwok: bool = False
    argo: bool = False
    argo_server: bool = False
    argo_server_tls: bool = False
    argo_auth_modes: Sequence[str] = ("server", "client")
    argo_database: bool = False
    argo_config: Mapping[str, str] = field(default_factory=dict)
    real_pods: bool = False
    workflow_crds: Flavour = "auto"
    own_kinds: bool = True
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    audit_policy: Json = None
    apiserver_flags: Sequence[str] = ()
    etcd_flags: Sequence[str] = ()
    folder_root: Path | None = None

    folder: Path = field(init=False)
    server: str = field(init=False, default="")
    kubeconfig: Path = field(init=False)
    api: Api = field(init=False)
    argo_server_url: str = field(init=False, default="")
    etcd_url: str = field(init=False, default="")
    components: dict[str, Component] = field(init=False, default_factory=dict)
    _pki: Pki = field(init=False)
    _postgres: Postgres | None = field(init=False, default=None)
    _argo: ArgoRelease | None = field(init=False, default=None)
    _tokens: dict[str, str] = field(init=False, default_factory=dict)
    _crds: list[Json] = field(init=False, default_factory=list)

    def __enter__(self) -> ControlPlane:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> ControlPlane:
        """Start all components and wait until they are usable.

        Raises:
            BinaryUnavailableError: a program could not be found or built.
            ComponentDiedError: a component exited; the message contains the end of its log.
        """
        programs = self._programs()
        self.folder = Path(tempfile.mkdtemp(prefix="wfreport-plane-", dir=self.folder_root))
        try:
            self._write_files()
            self._start_api(programs)
            self.install_crds(default_crds(self.workflow_crds, own_kinds=self.own_kinds))
            self._start_extras(programs)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all components and remove the folder with data and logs. Idempotent."""
        for component in reversed(self.components.values()):
            component.stop()
        self.components.clear()
        if self._postgres:
            self._postgres.stop()
        if hasattr(self, "api"):
            self.api.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def kubeconfig_for(
        self, user: str | None = None, *, service_account: str | None = None, namespace: str = "default"
    ) -> Path:
        """Write a kubeconfig for one of `users`, or for `service_account` in `namespace` (with a TokenRequest)."""
        if service_account:
            name, token = (
                f"{namespace}-{service_account}",
                self.service_account_token(namespace, service_account),
            )
        elif user in self._tokens:
            name, token = user, self._tokens[user]
        else:
            raise ControlPlaneError(f"no user {user!r}: the plane was started with {sorted(self._tokens)}")
        path = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(path, server=self.server, ca=self._pki.ca, user=name, token=token, namespace=namespace)

    def service_account_token(self, namespace: str, name: str) -> str:
        """Request a token for an existing ServiceAccount, valid for a day."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.api.post(path, {"spec": {"expirationSeconds": 86_400}})
        return str(answer["status"]["token"])

    def token(self, user: str) -> str:
        """Return the token of one of `users`, or of the admin."""
        return self._tokens[user]

    def api_as(self, user: str) -> Api:
        """Return a client that authenticates as one of `users`."""
        return self.api.as_user(self._tokens[user])

    @property
    def ca(self) -> Path:
        """The certificate of the plane's authority."""
        return self._pki.ca

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl as the admin and return its stdout.

        Raises:
            ControlPlaneError: it failed (unless `check` is false); the message contains its stderr.
        """
        command = [str(kubectl()), f"--kubeconfig={self.kubeconfig}", *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise ControlPlaneError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def create_namespace(self, name: str) -> str:
        """Create a namespace and return its name."""
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def install_crds(self, crds: Iterable[Json]) -> None:
        """Install further CRDs and wait until they are served."""
        added = list(crds)
        install_crds(self.api, added)
        self._crds += added

    def ensure_running(self) -> None:
        """Raise if any component has exited.

        Raises:
            ComponentDiedError: the message contains the end of its log.
        """
        for component in self.components.values():
            component.ensure_running()

    def kill_apiserver(self) -> None:
        """Kill the API server and its connections. `restart_apiserver` starts it again with its data."""
        self.components["kube-apiserver"].stop()

    def restart_apiserver(self) -> None:
        """Restart the API server on the same port with the same data, and wait until it is ready."""
        self.kill_apiserver()
        self.components["kube-apiserver"].start()
        self._wait_until_ready()
        wait_until_served(self.api, self._crds)

    def rotate_authority(self) -> None:
        """Give the API server a certificate of a new authority, `ca`; it loads the certificate within a minute.

        Kubeconfigs that were written before contain the old authority.
        """
        new = create_pki(self.folder / f"pki-{secrets.token_hex(4)}")
        # one rename each, so that the server never reads half of a file
        new.server_key.replace(self._pki.server_key)
        new.server_certificate.replace(self._pki.server_certificate)
        self._pki = replace(self._pki, ca=new.ca)
        self.api.close()
        self.api = Api(self.server, token=self._tokens[ADMIN], ca=new.ca)
        self.kubeconfig = self.kubeconfig_for(ADMIN)

    def audit_events(self) -> list[Json]:
        """Return the requests that `audit_policy` selected, in order, as audit.k8s.io/v1 Events."""
        path = self.folder / "audit.log"
        # The last line may be incomplete.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def _programs(self) -> dict[str, Path]:
        """Find or build all programs before starting any, because a build takes minutes."""
        self.argo = self.argo or self.argo_server or self.argo_database
        self.controller_manager = self.controller_manager or self.argo
        self.kwok = self.kwok or (self.argo and not self.real_pods)
        enabled = dict(zip(CONTROLLERS, (self.controller_manager, self.kwok), strict=True))
        programs = {name: binary(name) for name in (*STORE, *CONTROLLERS) if enabled.get(name, True)}
        self._argo = argo_release() if self.argo else None
        return programs

    def _write_files(self) -> None:
        self._pki = create_pki(self.folder / "pki")
        self._tokens = {user: secrets.token_hex(16) for user in (ADMIN, *self.users)}
        groups = {ADMIN: [ADMIN_GROUP]} | dict(self.users)
        lines = [f'{self._tokens[user]},{user},{user},"{",".join(groups[user])}"\n' for user in self._tokens]
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text("".join(lines))
        if self.audit_policy:
            (self.folder / "audit.json").write_text(json.dumps(self.audit_policy))

    def _start_api(self, programs: Mapping[str, Path]) -> None:
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._start_on_ports(programs, *free_ports(3))
            except PortTakenError:
                for component in reversed(self.components.values()):
                    component.stop()
                shutil.rmtree(self.folder / "etcd", ignore_errors=True)
                (self.folder / "kube-apiserver.log").unlink(missing_ok=True)
                (self.folder / "etcd.log").unlink(missing_ok=True)
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                return

    def _start_on_ports(self, programs: Mapping[str, Path], client: int, peer: int, secure: int) -> None:
        etcd = f"http://127.0.0.1:{client}"
        self.server = f"https://127.0.0.1:{secure}"
        self.api = Api(self.server, token=self._tokens[ADMIN], ca=self._pki.ca)
        self.etcd_url = etcd
        self._start("etcd", [programs["etcd"], *_etcd_flags(etcd, f"http://127.0.0.1:{peer}"), *self.etcd_flags])
        self._start("kube-apiserver", [programs["kube-apiserver"], *self._apiserver_flags(etcd, secure)])
        self._wait_until_ready()
        self.kubeconfig = self.kubeconfig_for(ADMIN)

    def _start_extras(self, programs: Mapping[str, Path]) -> None:
        parts = extras.Extras(
            folder=self.folder,
            kubeconfig=self.kubeconfig,
            api=self.api,
            pki=self._pki,
            components=self.components,
        )
        if self.controller_manager:
            parts.start_controller_manager(programs["kube-controller-manager"])
        if self.kwok:
            parts.start_kwok(programs["kwok"])
        if self.argo_database:
            self._postgres = parts.start_postgres()
        if self._argo:
            # A real node comes with a scheduler: remove the default that binds each pod to the simulated node.
            placement = {"workflowDefaults": "{spec: {}}"} if self.real_pods else {}
            config = {**placement, **self.argo_config}
            parts.start_argo_controller(self._argo, postgres=self._postgres, config=config)
        if self._argo and self.argo_server:
            self.argo_server_url = parts.start_argo_server(
                self._argo.cli, auth_modes=self.argo_auth_modes, tls=self.argo_server_tls
            )

    def _start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        self.components[name] = Component(name, command, folder=self.folder, env=env)
        self.components[name].start()

    def _apiserver_flags(self, etcd: str, port: int) -> list[str]:
        flags = [
            f"--etcd-servers={etcd}",
            # A prefix per plane: if the port ever leads to another plane's etcd, its data stays untouched.
            f"--etcd-prefix=/{self.folder.name}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={self._pki.server_certificate}",
            f"--tls-private-key-file={self._pki.server_key}",
            "--cert-dir=pki",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={self._pki.service_account_public}",
            f"--service-account-signing-key-file={self._pki.service_account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/24",
            # A simulated pod needs no token volume. Nothing would remove the taint from a real node that is ready.
            f"--disable-admission-plugins={'TaintNodesByCondition' if self.real_pods else 'ServiceAccount'}",
            # Node names do not resolve here, so logs are requested by address.
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
        ]
        if self.audit_policy:
            flags += [
                "--audit-policy-file=audit.json",
                "--audit-log-path=audit.log",
                "--audit-log-mode=blocking",
            ]
        return [*flags, *self.apiserver_flags]

    def _wait_until_ready(self) -> None:
        wait_until(self._is_ready, what="kube-apiserver to be ready", timeout_seconds=120, interval_seconds=0.05)

    def _is_ready(self) -> bool:
        self.components["etcd"].ensure_running()
        self.components["kube-apiserver"].ensure_running()
        try:
            # /readyz alone may succeed before the bootstrap roles and namespaces exist.
            return self.api.get("/readyz") == "ok" and bool(self.api.get("/api/v1/namespaces/default"))
        except (ApiError, urllib3.exceptions.HTTPError):
            return False


def _etcd_flags(client: str, peer: str) -> list[str]:
    return [
        "--data-dir=etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


__all__ = ["ADMIN", "AUDIT_STAGE", "ComponentDiedError", "ControlPlane"]
