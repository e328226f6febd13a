"""Composes the delivery of notifications."""

from wfreport.app.shared import TimeSource
from wfreport.kube.client import Client
from wfreport.kube.kinds import SECRET
from wfreport.kube.resource import documents
from wfreport.metrics import Metrics
from wfreport.remediation.api_server import ApiServerAddresses
from wfreport.remediation.apprise_client import AppriseClient
from wfreport.remediation.delivery import Delivery
from wfreport.remediation.sink_schedule import SinkSchedule
from wfreport.remediation.sinks import Sender, SinkRules, Sinks
from wfreport.runtime.lease import Lease
from wfreport.settings import Settings


def build_sinks(settings: Settings, client: Client, time: TimeSource) -> Sinks:
    """Build what sends to the sinks of policies. The process for Apprise starts with the first message for it."""
    api_server = ApiServerAddresses(lambda: client.endpoint.server, clock=time.monotonic)
    rules = SinkRules(settings.apprise_schemas, settings.notify_loopback, api_server.resolve)
    return Sinks(documents(client, SECRET), rules, AppriseClient(settings.sender_environment))


def build_delivery(sender: Sender, time: TimeSource, *, lease: Lease | None, metrics: Metrics) -> Delivery:
    """Build what delivers messages through a sender, with a backoff per sink."""
    schedule = SinkSchedule(clock=time.monotonic, jitter=time.jitter)
    return Delivery(sender, schedule, lease=lease, metrics=metrics, clock=time.now)
