"""The settings of the metrics about runs."""

from pydantic import Field
from pydantic_settings import BaseSettings


class MetricSettings(BaseSettings):
    """The settings of the metrics about runs, a part of ``Settings``."""

    metrics_by_template: bool = Field(
        default=False,
        description=(
            "Whether the metrics about runs (`wfreport_runs_ended_total`, `wfreport_run_failures_total`, "
            "`wfreport_run_seconds`, `wfreport_run_waits`, `wfreport_stalled_runs`) have the labels `namespace` and "
            "`template`: the name of the WorkflowTemplate or ClusterWorkflowTemplate, else of the CronWorkflow, else "
            "empty."
        ),
    )
    metrics_max_templates: int = Field(
        200,
        ge=1,
        le=10_000,
        description=(
            "Maximum number of pairs of namespace and template with labels of their own. The first ones keep theirs "
            "until the operator restarts; all others have `other` for both."
        ),
    )
