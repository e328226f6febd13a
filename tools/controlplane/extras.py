"""Components beside the API server: kube-controller-manager, kwok, PostgreSQL, Argo."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import urllib3

from controlplane.api import Api, Json
from controlplane.argo import ArgoRelease
from controlplane.certs import Pki
from controlplane.component import Component
from controlplane.errors import PortTakenError
from controlplane.paths import STAGES_DIR
from controlplane.ports import free_ports
from controlplane.postgres import USER, Postgres, start_postgres
from controlplane.waiting import wait_until

NODE = "kwok-0"
KUBELET_HOST = "127.0.0.1"
POD_LOG = "pod.log"
"""The log of every container of a simulated pod, in the plane's folder, in CRI's format. Initially empty."""

ARGO_NAMESPACE = "argo"
_PORT_ATTEMPTS = 4
_UNAVAILABLE = 500
_CERTIFICATE = "argo-server-tls"
# Nothing runs on the simulated node, so these controllers have nothing to do.
_CONTROLLERS = "*,-nodelifecycle,-node-ipam-controller,-node-route-controller"
# Every pod is bound on creation, because there is no scheduler. Metrics are disabled: their servers would listen on
# all interfaces, and their fixed port would collide between planes.
_ARGO_CONFIG = {
    "workflowDefaults": f"""{{spec: {{podSpecPatch: '{{"nodeName":"{NODE}"}}'}}}}""",
    "metricsConfig": "{enabled: false}",
    "telemetryConfig": "{enabled: false}",
}
# Argo's defaults (10 s and more between reconciles) would slow the tests down.
_ARGO_ENV = {
    "LEADER_ELECTION_DISABLE": "true",
    "DEFAULT_REQUEUE_TIME": "1s",
    "TASK_RESULT_TIMEOUT_DURATION": "5s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Starts the further components of a plane. Each is added to `components` before it starts."""

    folder: Path
    kubeconfig: Path
    api: Api
    pki: Pki
    components: dict[str, Component]

    def start_controller_manager(self, program: Path) -> None:
        """Start kube-controller-manager."""
        self._start(
            "kube-controller-manager",
            program,
            f"--kubeconfig={self.kubeconfig}",
            "--secure-port=0",
            f"--root-ca-file={self.pki.ca}",
            f"--service-account-private-key-file={self.pki.service_account_key}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            f"--controllers={_CONTROLLERS}",
            # Namespace deletion and garbage collection must not wait for a rate limit.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def start_kwok(self, program: Path) -> None:
        """Start kwok with our stages and create its node."""
        (self.folder / POD_LOG).touch()
        stages = [path.read_text() for path in sorted(STAGES_DIR.glob("*.yaml"))]
        config = self.folder / "stages.yaml"
        config.write_text("\n---\n".join([*stages, json.dumps(_logs(self.folder / POD_LOG))]))
        flags = [f"--kubeconfig={self.kubeconfig}", "--manage-all-nodes=true", f"--config={config}"]
        kwok = self._start("kwok", program, *flags, *self._kubelet_flags())
        self.api.post("/api/v1/nodes", _node())
        wait_until(lambda: _ready(kwok, self.api), what=f"node {NODE} to be Ready")

    def start_postgres(self) -> Postgres:
        """Start the database for Argo's offloaded nodes and archived runs."""
        (port,) = free_ports(1)
        postgres = start_postgres(port, logs=self.folder)
        self.components["postgres"] = postgres.component
        wait_until(lambda: _listens(postgres.component, port), what="PostgreSQL")
        return postgres

    def _kubelet_flags(self) -> list[str]:
        """Return the flags for the address of the simulated kubelet, which serves logs."""
        (port,) = free_ports(1)
        address = [f"--node-ip={KUBELET_HOST}", f"--node-port={port}", f"--server-address={KUBELET_HOST}:{port}"]
        return [
            *address,
            f"--tls-cert-file={self.pki.server_certificate}",
            f"--tls-private-key-file={self.pki.server_key}",
        ]

    def start_argo_controller(
        self, release: ArgoRelease, *, postgres: Postgres | None, config: Mapping[str, str]
    ) -> None:
        """Start the real workflow-controller, configured for a plane without scheduler and kubelet.

        With a database, Argo archives every run and offloads all nodes.
        """
        self.api.post("/api/v1/namespaces", {"metadata": {"name": ARGO_NAMESPACE}})
        data = {**_ARGO_CONFIG, **config}
        env = _ARGO_ENV
        if postgres:
            account = {"metadata": {"name": "postgres"}, "stringData": {"username": USER, "password": "unused"}}
            self.api.post(f"/api/v1/namespaces/{ARGO_NAMESPACE}/secrets", account)
            data["persistence"] = json.dumps(_persistence(postgres.port))
            env = {**env, "ALWAYS_OFFLOAD_NODE_STATUS": "true"}
        body = {"metadata": {"name": "workflow-controller-configmap"}, "data": data}
        self.api.post(f"/api/v1/namespaces/{ARGO_NAMESPACE}/configmaps", body)
        flags = [*self._argo_scope(), f"--executor-image={release.executor_image}"]
        controller = self._start("workflow-controller", release.controller, *flags, env=env)
        wait_until(
            lambda: _logged(controller, "Starting Workflow Controller"),
            what="Argo's controller to start",
        )

    def start_argo_server(self, program: Path, *, auth_modes: Sequence[str], tls: bool) -> str:
        """Start Argo Server and return its URL. With TLS, the plane's authority signs its certificate."""
        flags = [f"--auth-mode={mode}" for mode in auth_modes]
        if tls:
            self._post_certificate()
            flags.append(f"--tls-certificate-secret-name={_CERTIFICATE}")
        else:
            flags.append("--secure=false")
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            (port,) = free_ports(1)
            try:
                self._start_argo_server_on(port, program, flags)
            except PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
            else:
                return f"http{'s' if tls else ''}://127.0.0.1:{port}"
        raise AssertionError("the last attempt raises")

    def _start_argo_server_on(self, port: int, program: Path, flags: Sequence[str]) -> None:
        # In client mode it takes only the API server's address from this file, and the token from the request.
        env = {"KUBECONFIG": str(self.kubeconfig)}
        server = self._start("argo-server", program, "server", *flags, f"--port={port}", *self._argo_scope(), env=env)
        scheme = "http" if "--secure=false" in flags else "https"
        with urllib3.PoolManager(ca_certs=str(self.pki.ca)) as http:
            url = f"{scheme}://127.0.0.1:{port}/api/v1/version"
            wait_until(lambda: _answers(server, http, url), what="Argo Server")

    def _post_certificate(self) -> None:
        files = {"tls.crt": self.pki.server_certificate, "tls.key": self.pki.server_key}
        secret = {
            "metadata": {"name": _CERTIFICATE},
            "type": "kubernetes.io/tls",
            "stringData": {name: path.read_text() for name, path in files.items()},
        }
        self.api.post(f"/api/v1/namespaces/{ARGO_NAMESPACE}/secrets", secret)

    def _argo_scope(self) -> list[str]:
        return [f"--kubeconfig={self.kubeconfig}", f"--namespace={ARGO_NAMESPACE}"]

    def _start(self, name: str, program: Path, *flags: str, env: Mapping[str, str] | None = None) -> Component:
        component = Component(name, [program, *flags], folder=self.folder, env=env)
        self.components[name] = component
        component.start()
        return component


def _persistence(port: int) -> Mapping[str, Json]:
    account = {f"{key}Secret": {"name": "postgres", "key": key.lower()} for key in ("userName", "password")}
    database = {"host": "127.0.0.1", "port": port, "database": "postgres", "tableName": "argo_workflows", "ssl": False}
    return {"nodeStatusOffLoad": True, "archive": True, "postgresql": {**database, **account}}


def _logged(component: Component, text: str) -> bool:
    component.ensure_running()
    return text in component.log_path.read_text(errors="replace")


def _logs(path: Path) -> Json:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "every-container"},
        "spec": {"logs": [{"logsFile": str(path)}]},
    }


def _node() -> Mapping[str, Json]:
    return {
        "metadata": {
            "name": NODE,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "type": "kwok"},
        }
    }


def _ready(kwok: Component, api: Api) -> bool:
    kwok.ensure_running()
    conditions = api.get(f"/api/v1/nodes/{NODE}").get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _answers(server: Component, http: urllib3.PoolManager, url: str) -> bool:
    """Return whether the server responds, even if with Unauthorized. It listens before its gateway is connected."""
    server.ensure_running()
    try:
        return http.request("GET", url, retries=False, timeout=5).status < _UNAVAILABLE
    except urllib3.exceptions.HTTPError:
        return False


def _listens(server: Component, port: int) -> bool:
    server.ensure_running()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
