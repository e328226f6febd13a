"""Finds out which runs are comparable: those of the same cron, template, generateName or name, in this order."""

from wfreport.api.run import WorkflowSource


def origin_of(source: WorkflowSource | None, workflow_name: str) -> str:
    """Return what a run has in common with the runs that it is compared with, as ``kind/name``."""
    if source and source.cron_workflow:
        return f"CronWorkflow/{source.cron_workflow}"
    if source and source.workflow_template:
        return f"WorkflowTemplate/{source.workflow_template}"
    if source and source.cluster_workflow_template:
        return f"ClusterWorkflowTemplate/{source.cluster_workflow_template}"
    if source and source.generate_name:
        return f"generateName/{source.generate_name}"
    return f"Workflow/{workflow_name}"
