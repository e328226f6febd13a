"""The origin, parameters, outputs, earlier runs and links of a run in a report's status."""

from pydantic import Field

from wfreport.api.classes import FailureClass
from wfreport.api.wire import LINE, SHORT, TEXT, Model, Time


class NamedValue(Model):
    """A parameter."""

    name: str = Field(description="Name of the parameter.", max_length=LINE)
    value: str | None = Field(None, description="Value of the parameter, redacted and truncated.", max_length=TEXT)


class ArtifactRef(Model):
    """An output artifact."""

    name: str = Field(description="Name of the artifact.", max_length=LINE)
    node_id: str | None = Field(None, description="Id of the node that wrote it.", max_length=LINE)
    key: str | None = Field(None, description="Key in the artifact store.", max_length=TEXT)


class RunOutputs(Model):
    """Outputs of the run."""

    parameters: list[NamedValue] | None = Field(None, description="Global output parameters.", max_length=64)
    artifacts: list[ArtifactRef] | None = Field(
        None, description="Output artifacts of the run and its steps.", max_length=64
    )


class WorkflowSource(Model):
    """Origin of the Workflow."""

    workflow_template: str | None = Field(None, description="WorkflowTemplate that it refers to.", max_length=LINE)
    cluster_workflow_template: str | None = Field(
        None, description="ClusterWorkflowTemplate that it refers to.", max_length=LINE
    )
    cron_workflow: str | None = Field(None, description="CronWorkflow that created it.", max_length=LINE)
    scheduled_at: Time | None = Field(None, description="Time at which the CronWorkflow scheduled it.")
    resubmitted_from: str | None = Field(None, description="Workflow that it is a resubmission of.", max_length=LINE)
    creator: str | None = Field(None, description="User who submitted it.", max_length=SHORT)


class EarlierRun(Model):
    """A run of the same Workflow before a manual retry."""

    started_at: Time | None = Field(None, description="Start of the run.")
    finished_at: Time | None = Field(None, description="End of the run.")
    phase: str | None = Field(None, description="Final phase of the run, as Argo set it.", max_length=SHORT)
    failure_class: FailureClass | None = Field(None, alias="class", description="Failure class of the run.")
    fingerprint: str | None = Field(None, description="Fingerprint of the run's first failure.", max_length=SHORT)
    summary: str | None = Field(None, description="Summary of the run.", max_length=TEXT)
    first_failure: str | None = Field(None, description="Display name of the step that failed first.", max_length=LINE)


class Links(Model):
    """Links to other views of the run."""

    ui: str | None = Field(None, description="URL of the run in Argo's UI.", max_length=TEXT)
    trace: str | None = Field(None, description="Trace id or URL of the run.", max_length=TEXT)
