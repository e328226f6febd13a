# ruff: noqa: N815  (Helm's names)
"""The values of the Helm chart: the only description of them.

``values.yaml``, ``values.schema.json`` and the reference page are generated from these models.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from generate.alerts import HOME

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Interval = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))+$")]


class Part(BaseModel):
    """A map of values. Unknown keys are refused, since a typo would silently mean the default."""

    model_config = ConfigDict(extra="forbid")


class Image(Part):
    """The operator's image."""

    repository: str = Field("wfreport", min_length=1, description="Registry and name of the image.")
    tag: str = Field("", pattern=r"^[\w.-]{0,128}$", description="Tag of the image. Empty: the chart's appVersion.")
    digest: str = Field(
        "", pattern=r"^(sha256:[a-f0-9]{64})?$", description="Digest of the image, instead of the tag: `sha256:…`."
    )
    pullPolicy: Literal["", "Always", "IfNotPresent", "Never"] = Field("", description="Empty: Kubernetes' default.")


class Crds(Part):
    """The CustomResourceDefinitions."""

    install: bool = Field(
        default=True, description="Install and upgrade the CRDs with the chart. Never with `singleNamespace`."
    )
    keep: bool = Field(
        default=True,
        description="Keep the CRDs, and with them all reports and policies, when the chart is uninstalled.",
    )


class Remediation(Part):
    """The rights of policies' actions. Without them, policies are evaluated and their actions are held."""

    labelPods: bool = Field(default=False, description="`labelPods`: patch pods.")
    notify: bool = Field(default=False, description="`notify` by Apprise: read Secrets. CloudEvents need no right.")
    resubmit: bool = Field(
        default=False,
        description=(
            "`resubmit`, `raiseMemory`: create Workflows, and thus run pods under any ServiceAccount of the namespace."
        ),
    )
    retry: bool = Field(default=False, description="`retry`, by Argo Server: update Workflows, get and delete pods.")
    stop: bool = Field(default=False, description="`stop`: patch Workflows.")
    suspendCron: bool = Field(default=False, description="`suspendCron`: get and patch CronWorkflows.")


class Rbac(Part):
    """Roles for people. They are cluster-wide objects, so `singleNamespace` installs none."""

    aggregateRoles: bool = Field(
        default=True, description="Add rights on reports, policies and Remediations to `view`, `edit` and `admin`."
    )
    policiesForEdit: bool = Field(default=False, description="Let editors of a namespace write policies.")
    admissionPolicy: bool = Field(
        default=False,
        description="Require the verb `enforce` before a policy may act without approval. Administrators have it.",
    )


class ArgoServer(Part):
    """The connection to Argo Server, for offloaded nodes, archived runs and archived logs."""

    enabled: bool = Field(default=False, description="Read from Argo Server, with the token of the ServiceAccount.")
    url: str = Field("https://argo-server.argo.svc:2746", pattern=r"^https?://", description="URL of Argo Server.")
    caSecret: str = Field(
        "argo-server-ca", min_length=1, description="Secret with the CA of the server's certificate, in `ca.crt`."
    )


class ServiceAccount(Part):
    """The operator's ServiceAccount."""

    name: str = Field("", description="Empty: the name of the release's objects.")
    annotations: dict[str, str] = Field({}, description="Annotations of the ServiceAccount.")


class DisruptionBudget(Part):
    """The PodDisruptionBudget."""

    enabled: bool = Field(default=True, description="Create a PodDisruptionBudget.")
    maxUnavailable: int | str = Field(1, description="Replicas that may be evicted at the same time.")


class NetworkPolicy(Part):
    """The NetworkPolicy. No egress to link-local addresses is ever allowed."""

    enabled: bool = Field(default=False, description="Create a NetworkPolicy. The network plugin must support it.")
    monitoringNamespace: Namespace = Field("monitoring", description="Namespace that may scrape the metrics.")
    dnsNamespace: Namespace = Field("kube-system", description="Namespace of the cluster's DNS.")
    argoNamespace: Namespace = Field("argo", description="Namespace of Argo Server.")
    ports: list[Port] = Field(
        [443, 6443], min_length=1, description="Ports of the API server and of endpoints of notifications."
    )
    extraEgress: list[dict[str, Any]] = Field([], description="Further egress rules of the NetworkPolicy.")


class Monitor(Part):
    """A ServiceMonitor or PodMonitor of the Prometheus Operator, whose CRDs must be installed."""

    enabled: bool = Field(default=False, description="Create the monitor.")
    interval: Interval = Field("30s", description="Interval of scrapes.")
    labels: dict[str, str] = Field({}, description="Labels by which your Prometheus selects it.")


class Alerts(Part):
    """A PrometheusRule of the Prometheus Operator, whose CRDs must be installed."""

    enabled: bool = Field(default=False, description="Create the PrometheusRule.")
    labels: dict[str, str] = Field({}, description="Labels by which your Prometheus selects it.")
    home: str = Field(
        HOME,
        pattern=r"^https?://",
        description="Where you keep this repository: `docs/runbooks/<alert>.md` is added for the link of an alert.",
    )


class Dashboard(Part):
    """A ConfigMap with the Grafana dashboard."""

    enabled: bool = Field(default=False, description="Create the ConfigMap.")
    labels: dict[str, str] = Field(
        {"grafana_dashboard": "1"}, description="Labels by which the sidecar of Grafana finds it."
    )
    annotations: dict[str, str] = Field({}, description="Annotations, for example of the folder in Grafana.")


class Ui(Part):
    """The live page, for people without a kubeconfig. A proxy that authenticates them has to be in front of it."""

    enabled: bool = Field(default=False, description="Create Deployment, Service, ServiceAccount and NetworkPolicy.")
    replicas: int = Field(1, ge=1, le=10, description="Replicas. Each has watches of its own.")
    allowedHosts: list[Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]] = Field(
        [], description="Hosts that requests may be for. Empty: any."
    )
    proxyNamespace: Namespace = Field("ingress-nginx", description="Namespace of the proxy, which alone may connect.")
    apiServerPorts: list[Port] = Field([443, 6443], description="Ports of the API server.")
    resources: dict[str, Any] = Field(
        {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        description="Requests and limits.",
    )


class Values(Part):
    """The values of the chart. The defaults only report, for all namespaces, with the logs of failed pods."""

    image: Image = Field(Image(), description="The operator's image.")
    imagePullSecrets: list[dict[str, str]] = Field([], description="Secrets with the registry's credentials.")
    fullnameOverride: str = Field(
        "", max_length=46, description="Name of the objects. Empty: the release's name, extended by `wfreport`."
    )
    replicas: int = Field(2, ge=1, le=10, description="Replicas: one works, the others stand by.")
    crds: Crds = Field(Crds(), description="The CustomResourceDefinitions.")
    singleNamespace: bool = Field(
        default=False,
        description="Watch only the release's namespace. Nothing is created outside of it: no CRDs, no ClusterRoles.",
    )
    podLogs: bool = Field(default=True, description="Read the logs of failed pods.")
    remediation: Remediation = Field(
        Remediation(), description="The rights of policies' actions. Without them, actions are held."
    )
    rbac: Rbac = Field(Rbac(), description="Roles for people. `singleNamespace` installs none.")
    argoServer: ArgoServer = Field(
        ArgoServer(), description="Argo Server, for offloaded nodes, archived runs and archived logs."
    )
    settings: dict[str, Any] = Field(
        {}, description="Settings by the names of their variables, e.g. `WFREPORT_INSTANCE_ID: team-a`."
    )
    extraEnv: list[dict[str, Any]] = Field([], description="Further entries of the container's `env`.")
    serviceAccount: ServiceAccount = Field(ServiceAccount(), description="The operator's ServiceAccount.")
    resources: dict[str, Any] = Field(
        {"requests": {"cpu": "50m", "memory": "160Mi"}, "limits": {"memory": "512Mi"}},
        description="Requests and limits. Measured: 151 MB for 2,000 Workflows, 224 MB for the largest ones.",
    )
    podDisruptionBudget: DisruptionBudget = Field(DisruptionBudget(), description="The PodDisruptionBudget.")
    networkPolicy: NetworkPolicy = Field(
        NetworkPolicy(), description="The NetworkPolicy. It never allows egress to link-local addresses."
    )
    serviceMonitor: Monitor = Field(
        Monitor(), description="A ServiceMonitor of the Prometheus Operator, whose CRDs must be installed."
    )
    podMonitor: Monitor = Field(Monitor(), description="A PodMonitor, instead of the ServiceMonitor.")
    alerts: Alerts = Field(Alerts(), description="Alerts for the Prometheus Operator, whose CRDs must be installed.")
    grafanaDashboard: Dashboard = Field(Dashboard(), description="A ConfigMap with the Grafana dashboard.")
    ui: Ui = Field(Ui(), description="The live page of `wfreport ui`, which has no rights of its own.")
    podAnnotations: dict[str, str] = Field({}, description="Annotations of the pods.")
    podLabels: dict[str, str] = Field({}, description="Labels of the pods.")
    priorityClassName: str = Field("", description="PriorityClass of the pods.")
    nodeSelector: dict[str, str] = Field({}, description="Node selector of the pods.")
    tolerations: list[dict[str, Any]] = Field([], description="Tolerations of the pods.")
    affinity: dict[str, Any] = Field({}, description="Affinity of the pods.")
    # Helm passes these to every chart that others depend on.
    global_: dict[str, Any] = Field({}, alias="global", description="Values of a parent chart. Not used.")
