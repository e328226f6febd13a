"""Fetches Workflows for the commands."""

from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import CHUNK_SIZE
from wfreport.kube.workflows import Workflows


async def fetch_workflow(cluster: Cluster, name: str, uid: str) -> Snapshot | None:
    """Fetch the Workflow; None if it does not exist or has another uid. An empty uid matches any.

    Raises:
        UnusableInput: the Workflow cannot be decoded.
        ApiError: the request failed.
    """
    scope = [cluster.namespace]
    workflows = Workflows(cluster.client, namespaces=scope, instance_id="", label_selector="", chunk_size=CHUNK_SIZE)
    try:
        snapshot = decode_workflow(await workflows.get_json(cluster.namespace, name, min_resource_version=0))
    except NotFoundError:
        return None
    except NotAWorkflow as error:
        raise UnusableInput("API server", one_line(str(error))) from error
    return snapshot if uid in ("", snapshot.workflow.metadata.uid) else None
