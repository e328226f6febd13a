"""Every CamelCase reason, with its meaning: of conditions, and of why a policy holds back.

They are API: tools match them, messages are for people.
"""

from enum import StrEnum


class ConditionType(StrEnum):
    """The conditions of a WorkflowReport, in the order they are shown."""

    READY = "Ready"
    SUCCEEDED = "Succeeded"
    NODES_AVAILABLE = "NodesAvailable"
    EVIDENCE_COMPLETE = "EvidenceComplete"
    TRUNCATED = "Truncated"


class Reason(StrEnum):
    """Reasons that are not Argo's phases or failure classes."""

    REPORT_CURRENT = "ReportCurrent"
    WORKFLOW_NOT_FOUND = "WorkflowNotFound"
    WORKFLOW_MALFORMED = "WorkflowMalformed"
    WORKFLOW_DELETED = "WorkflowDeleted"
    WORKFLOW_ACTIVE = "WorkflowActive"
    WORKFLOW_SUCCEEDED = "WorkflowSucceeded"
    WORKFLOW_FAILED = "WorkflowFailed"
    WORKFLOW_ERRORED = "WorkflowErrored"
    NODES_READ = "NodesRead"
    NO_NODES_YET = "NoNodesYet"
    NODES_OFFLOADED = "NodesOffloaded"
    NODES_BEING_FETCHED = "NodesBeingFetched"
    NODES_UNREADABLE = "NodesUnreadable"
    WORKFLOW_NOT_ARCHIVED = "WorkflowNotArchived"
    ARCHIVE_BEING_READ = "ArchiveBeingRead"
    ARGO_SERVER_NOT_CONFIGURED = "ArgoServerNotConfigured"
    ARGO_SERVER_UNREACHABLE = "ArgoServerUnreachable"
    ARGO_SERVER_UNAUTHORIZED = "ArgoServerUnauthorized"
    ARGO_SERVER_FORBIDDEN = "ArgoServerForbidden"
    ARGO_SERVER_THROTTLED = "ArgoServerThrottled"
    ARGO_SERVER_FAILED = "ArgoServerFailed"
    ARGO_SERVER_BAD_ANSWER = "ArgoServerBadAnswer"
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
    LOG_SWITCHED_OFF = "LogSwitchedOff"
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
        Reason.ARGO_SERVER_BAD_ANSWER,
        Reason.ARGO_SERVER_TOO_NEW,
        Reason.ARGO_SERVER_WITHOUT_DATABASE,
        Reason.ARGO_SERVER_REFUSED,
    }
)
"""A report with one of these lacks what Argo Server may have, now or later."""

REASON_MEANINGS: dict[Reason, str] = {
    Reason.REPORT_CURRENT: "The report says what the Workflow says.",
    Reason.WORKFLOW_NOT_FOUND: (
        "No Workflow of that name (and uid, if one is given) is in the namespace; it is picked up when it appears."
    ),
    Reason.WORKFLOW_MALFORMED: (
        "Parts of the Workflow could not be read; the message names the fields. The rest is reported."
    ),
    Reason.WORKFLOW_DELETED: "The Workflow was deleted before it ended; what was known is kept.",
    Reason.WORKFLOW_ACTIVE: "The Workflow has not ended.",
    Reason.WORKFLOW_SUCCEEDED: "The Workflow ended with phase Succeeded.",
    Reason.WORKFLOW_FAILED: "The Workflow ended with phase Failed, and no root cause could be named.",
    Reason.WORKFLOW_ERRORED: "The Workflow ended with phase Error, and no root cause could be named.",
    Reason.NODES_READ: "All nodes were read.",
    Reason.NO_NODES_YET: "The Workflow has no nodes (yet).",
    Reason.NODES_OFFLOADED: (
        "The nodes are kept in Argo's database, and no Argo Server is configured; counts and steps are unknown, not "
        "zero. The message says which settings to set."
    ),
    Reason.NODES_BEING_FETCHED: "The nodes are kept in Argo's database; they are being fetched from Argo Server.",
    Reason.NODES_UNREADABLE: "The compressed nodes could not be decoded; counts and steps are unknown, not zero.",
    Reason.WORKFLOW_NOT_ARCHIVED: "Argo Server has no such run in this namespace, or none with the wanted uid.",
    Reason.ARCHIVE_BEING_READ: "The run is being sought in Argo's archive.",
    Reason.ARGO_SERVER_NOT_CONFIGURED: "Argo's archive is wanted, and no Argo Server is configured.",
    Reason.ARGO_SERVER_UNREACHABLE: "Argo Server does not answer. It is asked again, as after all of the following.",
    Reason.ARGO_SERVER_UNAUTHORIZED: "Argo Server does not accept the operator's token, or the token cannot be had.",
    Reason.ARGO_SERVER_FORBIDDEN: "The operator's user may not read this through Argo Server.",
    Reason.ARGO_SERVER_THROTTLED: "Argo Server is asked too often; it is asked again when it says so.",
    Reason.ARGO_SERVER_FAILED: "Argo Server fails (HTTP 5xx).",
    Reason.ARGO_SERVER_BAD_ANSWER: "What answers at Argo Server's URL does not answer as Argo Server does.",
    Reason.ARGO_SERVER_TOO_NEW: "Argo Server is of a later major version than this operator knows.",
    Reason.ARGO_SERVER_WITHOUT_DATABASE: "Argo Server has neither an archive nor offloaded nodes: no persistence.",
    Reason.ARGO_SERVER_REFUSED: "Argo Server refuses the request for another reason; the operator's log has its words.",
    Reason.EVIDENCE_CAPTURED: "Every failed pod was seen, with its Events and its log, as far as they were asked for.",
    Reason.NOTHING_FAILED: "No pod failed, so there is nothing to capture.",
    Reason.CAPTURE_PENDING: "Failed pods are still being read; the report is written again when that is done.",
    Reason.POD_NOT_CAPTURED: (
        "Some failed pods were gone before they were seen; their failures rest on Argo's messages."
    ),
    Reason.PODS_FORBIDDEN: "The operator has no right to read the pods; their failures rest on Argo's messages.",
    Reason.PODS_UNREACHABLE: "The API server did not answer for the pods, however often it was asked.",
    Reason.CAPTURE_LIMIT: "More pods failed than are read; the failures themselves are complete.",
    Reason.LOG_IN_ARCHIVE: (
        "The pod or its log is gone, and Argo archived the log: it is being fetched through Argo Server."
    ),
    Reason.LOG_FORBIDDEN: "The operator has no right to read logs: install the component pod-logs.",
    Reason.LOG_GONE: "The pod or its log was gone before the log was read.",
    Reason.LOG_UNREACHABLE: "The log could not be read from its machine, however often it was asked for.",
    Reason.LOG_SWITCHED_OFF: "The log was not read because a setting or the report's spec says so; nothing is amiss.",
    Reason.EVENTS_FORBIDDEN: "The operator has no right to read the pods' Events.",
    Reason.EVENTS_NOT_READ: "The pod's Events were not read: too many pods failed at once, or the server refused.",
    Reason.SIZE_LIMIT: "The report was cut to its size limit; the message says what and how much.",
    Reason.WITHIN_LIMITS: "Nothing was cut.",
}


class DelayReason(StrEnum):
    """What a step was waiting for between the moment it could have started and the moment it ran."""

    BACKOFF = "Backoff"
    POD_NOT_CREATED = "PodNotCreated"
    SCHEDULING = "Scheduling"
    CONTAINER_CREATING = "ContainerCreating"
    POD_INITIALIZING = "PodInitializing"
    SUSPENDED = "Suspended"


DELAY_MEANINGS: dict[DelayReason, str] = {
    DelayReason.BACKOFF: "The next attempt of its retryStrategy was not due, or not made yet.",
    DelayReason.POD_NOT_CREATED: "Its pod was not created yet: a lock, a limit of parallel pods, or a quota.",
    DelayReason.SCHEDULING: "No machine was chosen for its pod.",
    DelayReason.CONTAINER_CREATING: "Images were pulled and volumes mounted.",
    DelayReason.POD_INITIALIZING: "Its init containers ran: they load the input artifacts.",
    DelayReason.SUSPENDED: "It is a suspend step: somebody, or its duration, had to let it go on.",
}


class PolicyConditionType(StrEnum):
    """The conditions of a RemediationPolicy, in the order they are shown."""

    READY = "Ready"
    REMEDIATION_ALLOWED = "RemediationAllowed"
    BREAKER_OPEN = "BreakerOpen"
    CONFLICTED = "Conflicted"


class PolicyReason(StrEnum):
    """Reasons of the conditions of a RemediationPolicy, beside those of holds."""

    POLICY_VALID = "PolicyValid"
    POLICY_INVALID = "PolicyInvalid"
    ALLOWED = "Allowed"
    NOT_ENFORCED = "NotEnforced"
    RIGHTS_MISSING = "RightsMissing"
    TOO_MANY_FAILURES = "TooManyFailures"
    COOLING_DOWN = "BreakerCoolingDown"
    HALF_OPEN = "HalfOpen"
    CLOSED = "Closed"
    SAME_PRIORITY = "SamePriority"
    NO_CONFLICT = "NoConflict"


POLICY_REASON_MEANINGS: dict[PolicyReason, str] = {
    PolicyReason.POLICY_VALID: "The policy is valid.",
    PolicyReason.POLICY_INVALID: "The policy does nothing; the message names the field, its value and what to do.",
    PolicyReason.ALLOWED: "The policy may act.",
    PolicyReason.NOT_ENFORCED: "The policy's mode is Observe or DryRun: it changes nothing.",
    PolicyReason.RIGHTS_MISSING: "The operator may not do what the policy asks for; the message names the rights.",
    PolicyReason.TOO_MANY_FAILURES: "The circuit breaker is open: too many of the window's runs failed.",
    PolicyReason.COOLING_DOWN: "The rate of failures has fallen; the breaker stays open until the cooldown is over.",
    PolicyReason.HALF_OPEN: "The cooldown is over: one act is tried, and its outcome decides.",
    PolicyReason.CLOSED: "The circuit breaker is closed: acts are allowed.",
    PolicyReason.SAME_PRIORITY: "Another policy of the same priority selects the same runs; on those neither acts.",
    PolicyReason.NO_CONFLICT: "No other policy of the same priority selects the same runs.",
}


class RemediationConditionType(StrEnum):
    """The conditions of a Remediation, in the order they are shown."""

    APPROVED = "Approved"
    EXECUTED = "Executed"
    SUCCEEDED = "Succeeded"


class RemediationReason(StrEnum):
    """Reasons of the conditions of a Remediation."""

    APPROVAL_NOT_REQUIRED = "ApprovalNotRequired"
    APPROVAL_AWAITED = "ApprovalAwaited"
    APPROVED = "Approved"
    DENIED = "Denied"
    APPROVAL_TIMED_OUT = "ApprovalTimedOut"
    EXECUTION_PENDING = "ExecutionPending"
    EXECUTED = "Executed"
    ALREADY_DONE = "AlreadyDone"
    DRY_RUN = "DryRun"
    TARGET_CHANGED = "TargetChanged"
    TARGET_GONE = "TargetGone"
    NOT_PERMITTED = "NotPermitted"
    NOT_POSSIBLE = "NotPossible"
    SPEC_NOT_REPRODUCED = "SpecNotReproduced"
    TRACE_LOST = "TraceLost"
    EXECUTION_FAILED = "ExecutionFailed"
    OUTCOME_AWAITED = "OutcomeAwaited"
    RUN_SUCCEEDED = "RunSucceeded"
    RUN_FAILED = "RunFailed"
    RUN_REFUSED = "RunRefused"
    RUN_DELETED = "RunDeleted"
    NO_OUTCOME = "NoOutcome"
    TOLD = "Told"


REMEDIATION_REASON_MEANINGS: dict[RemediationReason, str] = {
    RemediationReason.APPROVAL_NOT_REQUIRED: "`Approved`: the policy needs no approval for it.",
    RemediationReason.APPROVAL_AWAITED: "`Approved`: a person is asked, `wfreport approve` or `deny`.",
    RemediationReason.APPROVED: "`Approved`: a person approved it.",
    RemediationReason.DENIED: "`Approved`: a person denied it.",
    RemediationReason.APPROVAL_TIMED_OUT: "`Approved`: nobody approved it in time, which denies it.",
    RemediationReason.EXECUTION_PENDING: "`Executed`: it has not been done yet.",
    RemediationReason.EXECUTED: "`Executed`: it was done.",
    RemediationReason.ALREADY_DONE: "`Executed`: it had been done before, by this Remediation.",
    RemediationReason.DRY_RUN: "`Executed`: the policy's mode is DryRun; nothing is done.",
    RemediationReason.TARGET_CHANGED: "`Executed`: the Workflow has changed since; nothing was done.",
    RemediationReason.TARGET_GONE: "`Executed`: the Workflow is gone; nothing was done.",
    RemediationReason.NOT_PERMITTED: "`Executed`: the operator lacks the right; the message names it.",
    RemediationReason.NOT_POSSIBLE: "`Executed`: the action cannot be done on this run; the message says why.",
    RemediationReason.SPEC_NOT_REPRODUCED: (
        "`Executed`: policy and report do not yield this spec, so that it was refused."
    ),
    RemediationReason.TRACE_LOST: (
        "`Executed`: an old intent without a trace of whether it was done; it is never repeated."
    ),
    RemediationReason.EXECUTION_FAILED: "`Executed`: it was refused or failed; the message says how.",
    RemediationReason.OUTCOME_AWAITED: "`Succeeded`: the new run has not ended.",
    RemediationReason.RUN_SUCCEEDED: "`Succeeded`: the new run succeeded, so it helped.",
    RemediationReason.RUN_FAILED: "`Succeeded`: the new run failed too, so it did not help.",
    RemediationReason.RUN_REFUSED: (
        "`Succeeded`: Argo refused the new run, since it runs nothing but WorkflowTemplates (`templateReferencing`)."
    ),
    RemediationReason.RUN_DELETED: "`Succeeded`: the new run was deleted before it ended.",
    RemediationReason.NO_OUTCOME: "`Succeeded`: there is no new run whose end would tell.",
    RemediationReason.TOLD: "`Succeeded`, of a notification: its sinks were told how the remedy ended.",
}


class Refusal(StrEnum):
    """Why an act that was decided is not done."""

    RUN_NOT_COMPLETED = "RunNotCompleted"
    RUN_COMPLETED = "RunCompleted"
    WORKFLOW_GONE = "WorkflowGone"
    RUN_NOT_FAILED = "RunNotFailed"
    STEPS_NOT_REUSABLE = "StepsNotReusable"
    NAME_TAKEN = "NameTaken"
    EXECUTOR_OUT_OF_MEMORY = "ExecutorOutOfMemory"
    TEMPLATE_REFERENCING = "TemplateReferencing"
    TEMPLATE_NOT_FOUND = "TemplateNotFound"
    CONTAINER_NOT_RAISABLE = "ContainerNotRaisable"
    POD_SPEC_PATCH_UNREADABLE = "PodSpecPatchUnreadable"
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


REFUSAL_MEANINGS: dict[Refusal, str] = {
    Refusal.RUN_NOT_COMPLETED: "The run has not ended; only one that is over is resubmitted.",
    Refusal.WORKFLOW_GONE: "The Workflow is gone.",
    Refusal.RUN_COMPLETED: "The run has ended; only one that runs is stopped.",
    Refusal.RUN_NOT_FAILED: "The run did not fail; only one that did is resubmitted `memoized`.",
    Refusal.STEPS_NOT_REUSABLE: (
        "A `memoized` run would not come out right without the steps that succeeded; the message says which, and why."
    ),
    Refusal.NAME_TAKEN: "There is a Workflow of the new run's name that the operator did not make.",
    Refusal.EXECUTOR_OUT_OF_MEMORY: "Argo's own container was killed; its memory is set in Argo's ConfigMap.",
    Refusal.TEMPLATE_REFERENCING: (
        "Argo runs only what a WorkflowTemplate says (`templateReferencing`); the memory is raised there."
    ),
    Refusal.TEMPLATE_NOT_FOUND: "The template of the step that was killed is not to be found in the run.",
    Refusal.CONTAINER_NOT_RAISABLE: "The container that was killed is not one that the template names.",
    Refusal.POD_SPEC_PATCH_UNREADABLE: "A podSpecPatch is no YAML before its variables are filled in.",
    Refusal.MEMORY_LIMIT_UNKNOWN: "Neither a pod nor the spec says what the last attempt's memory limit was.",
    Refusal.MEMORY_AT_MAXIMUM: "The last attempt had the policy's maximum of memory already.",
    Refusal.OVER_LIMIT: "A LimitRange or podResources allows less memory.",
    Refusal.OVER_QUOTA: "A ResourceQuota allows less memory, or has no more to give now.",
    Refusal.MANAGED_BY_GIT: "Argo CD or Flux would undo the change; suspend it in Git, or set `allowDrift`.",
    Refusal.LABEL_NOT_ALLOWED: "The policy would write a label of Argo's, by which Argo decides.",
    Refusal.NO_CRON_WORKFLOW: "The run was not made by a CronWorkflow.",
    Refusal.CRON_WORKFLOW_GONE: "The CronWorkflow that made the run is gone.",
    Refusal.NO_ARGO_SERVER: "A retry is done by Argo Server, and none is configured.",
    Refusal.NODES_UNREADABLE: "The run's nodes cannot be read, so nobody knows what would be run again.",
    Refusal.ARGO_SERVER_REFUSED: "Argo Server would not retry the run; the message has its words.",
    Refusal.SINK_UNUSABLE: "A notification has no usable sink; the message says why.",
}


class HoldReason(StrEnum):
    """Why a policy does not act on a run, or not yet; in the order in which they are looked at."""

    NO_POLICY = "NoPolicy"
    STALE_OBSERVATION = "StaleObservation"
    RUN_SUCCEEDED = "RunSucceeded"
    EVIDENCE_PENDING = "EvidencePending"
    RUN_ACTIVE = "RunActive"
    STOP_NOT_DUE = "StopNotDue"
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
    OPERATOR_BUDGET_EXHAUSTED = "OperatorBudgetSpent"
    BREAKER_OPEN = "BreakerOpen"
    REMEDIATION_INEFFECTIVE = "RemediationIneffective"
    APPROVAL_MISSING = "ApprovalMissing"
    APPROVAL_DENIED = "ApprovalDenied"


HOLD_MEANINGS: dict[HoldReason, str] = {
    HoldReason.NO_POLICY: "No policy of the namespace selects the Workflow.",
    HoldReason.STALE_OBSERVATION: "The report is not of the Workflow as it is now; it is read again first.",
    HoldReason.RUN_SUCCEEDED: "The run succeeded.",
    HoldReason.EVIDENCE_PENDING: (
        "The run ended less than 30 seconds ago, and not every failed pod has been seen: what comes late may change "
        "the class."
    ),
    HoldReason.RUN_ACTIVE: "The run has not ended, and no rule of the policy stops running ones.",
    HoldReason.STOP_NOT_DUE: "The run has not gone on, and no step has waited, for as long as the rule says.",
    HoldReason.NO_RULE_MATCHES: "No rule matches the failure.",
    HoldReason.NO_ACTION_CONFIGURED: "The rule that matches states nothing of this kind to do.",
    HoldReason.ACTION_IS_NONE: "The rule that matches says to do nothing.",
    HoldReason.ALREADY_REMEDIATED: "The run has had its Remediation.",
    HoldReason.POLICY_SUSPENDED: "The policy is suspended.",
    HoldReason.POLICY_PAUSED: "Somebody asked for a pause; the message says why.",
    HoldReason.OPTED_OUT: "The Workflow or its Namespace has the annotation `wfreport.dev/no-remediation`.",
    HoldReason.CANCELLED_BY_PERSON: "A person stopped or terminated the Workflow.",
    HoldReason.RUN_TOO_OLD: "The run ended longer ago than `limits.maxAgeSeconds`.",
    HoldReason.FAILED_BEFORE_ENFORCED: "The run ended before the policy was let act, or in that very second.",
    HoldReason.RETRIES_REMAINING: "Nothing has failed for good: Argo's own retryStrategy still has tries.",
    HoldReason.BEING_DELETED: "The Workflow is being deleted.",
    HoldReason.NEWER_RESUBMISSION: "The run was resubmitted already, by a person or by an earlier act.",
    HoldReason.POLICY_CONFLICT: "Another policy of the same priority selects the Workflow.",
    HoldReason.CRON_ALREADY_SUSPENDED: "The CronWorkflow was suspended already for these failures in a row.",
    HoldReason.ATTEMPTS_EXHAUSTED: "The chain has had `limits.maxAttempts` acts, or `infraMaxAttempts`.",
    HoldReason.COOLING_DOWN: "The backoff, or the rule's `delaySeconds`, is not over.",
    HoldReason.BUDGET_EXHAUSTED: "The policy has its budget's number of acts in flight, or in the window.",
    HoldReason.OPERATOR_BUDGET_EXHAUSTED: "All policies together have as many acts in flight, or in an hour, as they may.",
    HoldReason.BREAKER_OPEN: "The policy's circuit breaker is open, or half open and trying another act.",
    HoldReason.REMEDIATION_INEFFECTIVE: (
        "The same failure came back after the same act more often than `circuitBreaker.sameFingerprintAtMost`."
    ),
    HoldReason.APPROVAL_MISSING: "A person is asked, and has not answered.",
    HoldReason.APPROVAL_DENIED: "A person denied it, or nobody approved it in time.",
}
