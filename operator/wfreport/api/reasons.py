"""The CamelCase reasons of conditions, refusals and holds; ``reason_meanings`` explains each.

Reasons are API: tools match on them. Messages are for people and may change.
"""

from enum import StrEnum
from typing import Final


class ConditionType(StrEnum):
    """Condition types of a WorkflowReport, in display order."""

    READY = "Ready"
    SUCCEEDED = "Succeeded"
    NODES_AVAILABLE = "NodesAvailable"
    EVIDENCE_COMPLETE = "EvidenceComplete"
    TRUNCATED = "Truncated"
    RUN_STALLED = "RunStalled"


class Reason(StrEnum):
    """Condition reasons of a WorkflowReport, besides failure classes and the reasons of stalls."""

    REPORT_CURRENT = "ReportCurrent"
    AWAITING_WORKFLOW = "AwaitingWorkflow"
    REPORTED_BY_OTHER = "ReportedByOther"
    WORKFLOW_NOT_FOUND = "WorkflowNotFound"
    WORKFLOW_MALFORMED = "WorkflowMalformed"
    WORKFLOW_DELETED = "WorkflowDeleted"
    RECONCILE_ABANDONED = "ReconcileAbandoned"
    WORKFLOW_ACTIVE = "WorkflowActive"
    WORKFLOW_SUCCEEDED = "WorkflowSucceeded"
    WORKFLOW_FAILED = "WorkflowFailed"
    WORKFLOW_ERRORED = "WorkflowErrored"
    NODES_READ = "NodesRead"
    NO_NODES_YET = "NoNodesYet"
    NODES_OFFLOADED = "NodesOffloaded"
    NODES_BEING_FETCHED = "NodesBeingFetched"
    NODES_UNREADABLE = "NodesUnreadable"
    TOO_LARGE = "TooLarge"
    TOO_MANY_REPORTS = "TooManyReports"
    RUN_FAILED = "RunFailed"
    REMEDIATION_HELD = "RemediationHeld"
    RUN_SLOW = "RunSlow"
    WORKFLOW_NOT_ARCHIVED = "WorkflowNotArchived"
    ARCHIVE_BEING_READ = "ArchiveBeingRead"
    ARGO_SERVER_NOT_CONFIGURED = "ArgoServerNotConfigured"
    ARGO_SERVER_UNREACHABLE = "ArgoServerUnreachable"
    ARGO_SERVER_UNAUTHORIZED = "ArgoServerUnauthorized"
    ARGO_SERVER_FORBIDDEN = "ArgoServerForbidden"
    ARGO_SERVER_THROTTLED = "ArgoServerThrottled"
    ARGO_SERVER_FAILED = "ArgoServerFailed"
    ARGO_SERVER_BAD_RESPONSE = "ArgoServerBadResponse"
    ARGO_SERVER_TOO_NEW = "ArgoServerTooNew"
    ARGO_SERVER_WITHOUT_DATABASE = "ArgoServerWithoutDatabase"
    ARGO_SERVER_REFUSED = "ArgoServerRefused"
    EVIDENCE_CAPTURED = "EvidenceCaptured"
    NOTHING_FAILED = "NothingFailed"
    CAPTURE_PENDING = "CapturePending"
    POD_NOT_CAPTURED = "PodNotCaptured"
    PODS_FORBIDDEN = "PodsForbidden"
    PODS_UNREACHABLE = "PodsUnreachable"
    CAPTURE_LIMIT = "CaptureLimit"
    LOG_IN_ARCHIVE = "LogInArchive"
    LOG_FORBIDDEN = "LogForbidden"
    LOG_GONE = "LogGone"
    LOG_UNREACHABLE = "LogUnreachable"
    LOG_DISABLED = "LogDisabled"
    EVENTS_FORBIDDEN = "EventsForbidden"
    EVENTS_NOT_READ = "EventsNotRead"
    SIZE_LIMIT = "SizeLimit"
    WITHIN_LIMITS = "WithinLimits"


AWAITING_SERVER = frozenset(
    {
        Reason.NODES_OFFLOADED,
        Reason.NODES_BEING_FETCHED,
        Reason.ARCHIVE_BEING_READ,
        Reason.ARGO_SERVER_NOT_CONFIGURED,
        Reason.ARGO_SERVER_UNREACHABLE,
        Reason.ARGO_SERVER_UNAUTHORIZED,
        Reason.ARGO_SERVER_FORBIDDEN,
        Reason.ARGO_SERVER_THROTTLED,
        Reason.ARGO_SERVER_FAILED,
        Reason.ARGO_SERVER_BAD_RESPONSE,
        Reason.ARGO_SERVER_TOO_NEW,
        Reason.ARGO_SERVER_WITHOUT_DATABASE,
        Reason.ARGO_SERVER_REFUSED,
    }
)
"""Reasons of a report that lacks data which Argo Server may provide, now or later."""


class DelayReason(StrEnum):
    """Causes of the delay between the moment a step could have started and the moment it ran."""

    BACKOFF = "Backoff"
    POD_NOT_CREATED = "PodNotCreated"
    SCHEDULING = "Scheduling"
    CONTAINER_CREATING = "ContainerCreating"
    POD_INITIALIZING = "PodInitializing"
    SUSPENDED = "Suspended"


class StallReason(StrEnum):
    """Reasons why a run hangs: it waits for something that will not happen by itself."""

    POD_GONE = "PodGone"
    MAIN_ENDED = "MainEnded"
    MAIN_NOT_STARTED = "MainNotStarted"
    POD_TERMINATING = "PodTerminating"
    MACHINE_SILENT = "MachineSilent"
    TASK_RESULT_MISSING = "TaskResultMissing"
    AGENT_GONE = "AgentGone"
    NOTHING_SCHEDULED = "NothingScheduled"
    EXIT_HANDLER_NOT_STARTED = "ExitHandlerNotStarted"
    SUSPENDED_AND_TERMINATED = "SuspendedAndTerminated"
    DELETION_BLOCKED = "DeletionBlocked"
    ARTIFACT_GC_FAILED = "ArtifactGCFailed"
    LOCK_LEAKED = "LockLeaked"
    CONTROLLER_SILENT = "ControllerSilent"


class PolicyConditionType(StrEnum):
    """Condition types of a RemediationPolicy, in display order."""

    READY = "Ready"
    REMEDIATION_ALLOWED = "RemediationAllowed"
    BREAKER_OPEN = "BreakerOpen"
    CONFLICTED = "Conflicted"


class PolicyReason(StrEnum):
    """Condition reasons of a RemediationPolicy."""

    POLICY_VALID = "PolicyValid"
    POLICY_INVALID = "PolicyInvalid"
    TOO_MANY_POLICIES = "TooManyPolicies"
    ALLOWED = "Allowed"
    NOT_ENFORCED = "NotEnforced"
    RIGHTS_MISSING = "RightsMissing"
    TOO_MANY_FAILURES = "TooManyFailures"
    COOLING_DOWN = "BreakerCoolingDown"
    HALF_OPEN = "HalfOpen"
    CLOSED = "Closed"
    SAME_PRIORITY = "SamePriority"
    NO_CONFLICT = "NoConflict"


class RemediationConditionType(StrEnum):
    """Condition types of a Remediation, in display order."""

    APPROVED = "Approved"
    EXECUTED = "Executed"
    SUCCEEDED = "Succeeded"


class RemediationReason(StrEnum):
    """Condition reasons of a Remediation."""

    APPROVAL_NOT_REQUIRED = "ApprovalNotRequired"
    APPROVAL_AWAITED = "ApprovalAwaited"
    APPROVED = "Approved"
    DENIED = "Denied"
    APPROVAL_TIMED_OUT = "ApprovalTimedOut"
    EXECUTION_PENDING = "ExecutionPending"
    SINK_FAILING = "SinkFailing"
    RUN_STOPPING = "RunStopping"
    EXECUTED = "Executed"
    ALREADY_DONE = "AlreadyDone"
    DRY_RUN = "DryRun"
    TARGET_CHANGED = "TargetChanged"
    TARGET_GONE = "TargetGone"
    NOT_PERMITTED = "NotPermitted"
    NOT_POSSIBLE = "NotPossible"
    SPEC_NOT_REPRODUCED = "SpecNotReproduced"
    STOP_INEFFECTIVE = "StopIneffective"
    TRACE_LOST = "TraceLost"
    EXECUTION_FAILED = "ExecutionFailed"
    OUTCOME_AWAITED = "OutcomeAwaited"
    RUN_SUCCEEDED = "RunSucceeded"
    RUN_FAILED = "RunFailed"
    RUN_REFUSED = "RunRefused"
    RUN_DELETED = "RunDeleted"
    NO_OUTCOME = "NoOutcome"
    NOTIFIED = "Notified"


class Refusal(StrEnum):
    """Reasons why a decided action cannot be performed; they start the message of ``NotPossible``."""

    RUN_NOT_COMPLETED = "RunNotCompleted"
    RUN_COMPLETED = "RunCompleted"
    WORKFLOW_GONE = "WorkflowGone"
    RUN_STOPPED = "RunStopped"
    RUN_NOT_FAILED = "RunNotFailed"
    STEPS_NOT_REUSABLE = "StepsNotReusable"
    NAME_TAKEN = "NameTaken"
    EXECUTOR_OUT_OF_MEMORY = "ExecutorOutOfMemory"
    TEMPLATE_REFERENCING = "TemplateReferencing"
    TEMPLATE_NOT_FOUND = "TemplateNotFound"
    CONTAINER_NOT_RAISABLE = "ContainerNotRaisable"
    POD_SPEC_PATCH_UNREADABLE = "PodSpecPatchUnreadable"
    SPEC_UNREADABLE = "SpecUnreadable"
    MEMORY_LIMIT_UNKNOWN = "MemoryLimitUnknown"
    MEMORY_AT_MAXIMUM = "MemoryAtMaximum"
    OVER_LIMIT = "OverLimit"
    OVER_QUOTA = "OverQuota"
    MANAGED_BY_GIT = "ManagedByGit"
    LABEL_NOT_ALLOWED = "LabelNotAllowed"
    NO_CRON_WORKFLOW = "NoCronWorkflow"
    CRON_WORKFLOW_GONE = "CronWorkflowGone"
    NO_ARGO_SERVER = "NoArgoServer"
    NODES_UNREADABLE = "NodesUnreadable"
    ARGO_SERVER_REFUSED = "ArgoServerRefused"
    SINK_UNUSABLE = "SinkUnusable"


class HoldReason(StrEnum):
    """Reasons why a policy does not act on a run, or not yet, in the order of evaluation."""

    NO_POLICY = "NoPolicy"
    STALE_OBSERVATION = "StaleObservation"
    CONTROLLER_SILENT = "ControllerSilent"
    RUN_SUCCEEDED = "RunSucceeded"
    EVIDENCE_PENDING = "EvidencePending"
    RUN_STOPPING = "RunStopping"
    STOP_INEFFECTIVE = "StopIneffective"
    RUN_ACTIVE = "RunActive"
    STOP_NOT_DUE = "StopNotDue"
    STALL_NOT_DUE = "StallNotDue"
    CANNOT_HELP = "CannotHelp"
    NO_RULE_MATCHES = "NoRuleMatches"
    NO_ACTION_CONFIGURED = "NoActionConfigured"
    ACTION_IS_NONE = "ActionIsNone"
    ALREADY_REMEDIATED = "AlreadyRemediated"
    POLICY_SUSPENDED = "PolicySuspended"
    POLICY_PAUSED = "PolicyPaused"
    OPTED_OUT = "OptedOut"
    CANCELLED_BY_PERSON = "CancelledByPerson"
    RUN_TOO_OLD = "RunTooOld"
    FAILED_BEFORE_ENFORCED = "FailedBeforeEnforced"
    RETRIES_REMAINING = "RetriesRemaining"
    BEING_DELETED = "BeingDeleted"
    NEWER_RESUBMISSION = "NewerResubmission"
    POLICY_CONFLICT = "PolicyConflict"
    CRON_ALREADY_SUSPENDED = "CronAlreadySuspended"
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    COOLING_DOWN = "CoolingDown"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    NAMESPACE_BUDGET_EXHAUSTED = "NamespaceBudgetExhausted"
    OPERATOR_BUDGET_EXHAUSTED = "OperatorBudgetExhausted"
    BREAKER_OPEN = "BreakerOpen"
    REMEDIATION_INEFFECTIVE = "RemediationIneffective"
    APPROVAL_MISSING = "ApprovalMissing"
    APPROVAL_DENIED = "ApprovalDenied"


ORDINARY_WAITS: Final = frozenset(
    {"Suspended", "WorkflowSuspended", "Backoff", "LockWait", "ParallelismLimit", "Stopping"}
)
"""Reasons of waits that a person or the Workflow intends, or that end by themselves."""
