"""The origin, parameters, outputs, earlier runs and links of a run in a report's status."""

from wfreport.api.classes import FailureClass
from wfreport.api.wire import LINE, SHORT, TEXT, Field, Model, Time

MAX_VALUES = 64
"""Maximum number of parameters, outputs or artifacts that a report lists."""


class NamedValue(Model):
    """A parameter."""

    name: str = Field("Name of the parameter.", max_length=LINE)
    value: str | None = Field("Value of the parameter, redacted and truncated.", default=None, max_length=TEXT)


class ArtifactRef(Model):
    """An output artifact."""

    name: str = Field("Name of the artifact.", max_length=LINE)
    node_id: str | None = Field("Id of the node that wrote it.", default=None, max_length=LINE)
    key: str | None = Field("Key in the artifact store.", default=None, max_length=TEXT)


class RunOutputs(Model):
    """Outputs of the run."""

    parameters: list[NamedValue] | None = Field("Global output parameters.", default=None, max_length=MAX_VALUES)
    artifacts: list[ArtifactRef] | None = Field(
        "Output artifacts of the run and its steps.", default=None, max_length=MAX_VALUES
    )


class WorkflowSource(Model):
    """Origin of the Workflow."""

    workflow_template: str | None = Field("WorkflowTemplate that it refers to.", default=None, max_length=LINE)
    cluster_workflow_template: str | None = Field(
        "ClusterWorkflowTemplate that it refers to.", default=None, max_length=LINE
    )
    cron_workflow: str | None = Field("CronWorkflow that created it.", default=None, max_length=LINE)
    scheduled_at: Time | None = Field("Time at which the CronWorkflow scheduled it.", default=None)
    resubmitted_from: str | None = Field("Workflow that it is a resubmission of.", default=None, max_length=LINE)
    generate_name: str | None = Field("generateName with which it was created.", default=None, max_length=LINE)
    creator: str | None = Field("User who submitted it.", default=None, max_length=SHORT)

    @property
    def origin(self) -> tuple[str, str] | None:
        """Kind and name of what comparable runs have in common: cron, template or generateName, in this order."""
        kinds = (
            ("CronWorkflow", self.cron_workflow),
            ("WorkflowTemplate", self.workflow_template),
            ("ClusterWorkflowTemplate", self.cluster_workflow_template),
            ("generateName", self.generate_name),
        )
        return next(((kind, name) for kind, name in kinds if name), None)

    @property
    def template(self) -> str:
        """Name of the template, else of the CronWorkflow, as metrics have it; empty if there is neither."""
        return self.workflow_template or self.cluster_workflow_template or self.cron_workflow or ""

    @property
    def pipeline(self) -> str | None:
        """Name of the origin, without the end of a generateName; None if there is none."""
        return self.origin[1].rstrip("-.") or None if self.origin else None


class EarlierRun(Model):
    """A run of the same Workflow before a manual retry."""

    started_at: Time | None = Field("Start of the run.", default=None)
    finished_at: Time | None = Field("End of the run.", default=None)
    phase: str | None = Field("Final phase of the run, as Argo set it.", default=None, max_length=SHORT)
    failure_class: FailureClass | None = Field("Failure class of the run.", default=None, wire_name="class")
    fingerprint: str | None = Field("Fingerprint of the run's first failure.", default=None, max_length=SHORT)
    summary: str | None = Field("Summary of the run.", default=None, max_length=TEXT)
    first_failure: str | None = Field("Display name of the step that failed first.", default=None, max_length=LINE)


class Links(Model):
    """Links to other views of the run."""

    ui: str | None = Field("URL of the run in Argo's UI.", default=None, max_length=TEXT)
    trace: str | None = Field("Trace id or URL of the run.", default=None, max_length=TEXT)
