"""The work queues of remediation."""

from msgspec import Struct

from wfreport.api.remediation import Remediation
from wfreport.runtime.workqueue import Priority, WorkQueue


class RemediationQueues(Struct, frozen=True):
    """One queue for each reconciler of remediation.

    Attributes:
        runs: keys of reports, whose latest run may need an action.
        policies: keys of RemediationPolicies.
        remediations: keys of Remediations that have changed.
        notifications: keys of Remediations of action Notify that have a message to send.
        pods: keys of Workflows that have a newly failed pod.
    """

    runs: WorkQueue
    policies: WorkQueue
    remediations: WorkQueue
    notifications: WorkQueue
    pods: WorkQueue

    def named(self) -> dict[str, WorkQueue]:
        """Return the queues, keyed by their name in the metrics."""
        return {
            "runs": self.runs,
            "policies": self.policies,
            "remediations": self.remediations,
            "notifications": self.notifications,
            "failed_pods": self.pods,
        }

    def notify(self, remediation: Remediation) -> None:
        """Enqueue a Remediation of action Notify, to have its next message sent."""
        self.notifications.add((remediation.metadata.namespace, remediation.metadata.name), Priority.URGENT)

    def recheck_policy(self, namespace: str, name: str) -> None:
        """Enqueue a policy, to have its rights checked again."""
        self.policies.add((namespace, name), Priority.URGENT)
