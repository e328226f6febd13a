"""Meanings of all reasons, for docs/reference and ``wfreport simulate``."""

from wfreport.api.reasons import (
    DelayReason,
    HoldReason,
    PolicyReason,
    Reason,
    Refusal,
    RemediationReason,
    StallReason,
)

REASON_MEANINGS: dict[Reason, str] = {
    Reason.REPORT_CURRENT: "The report matches the current state of the Workflow.",
    Reason.REPORTED_BY_OTHER: (
        "Event only: another installation reports this Workflow, which this one selects as well. Narrow the selection "
        "of one of them (docs/howto/install.md)."
    ),
    Reason.AWAITING_WORKFLOW: (
        "The report was created before its Workflow, and is filled in when the Workflow appears. `Ready` is True: the "
        "report itself is healthy."
    ),
    Reason.WORKFLOW_NOT_FOUND: (
        "The namespace has no Workflow of this name (and uid, if given). The report is filled in when one appears."
    ),
    Reason.WORKFLOW_MALFORMED: (
        "Some fields of the Workflow could not be decoded; the message names them. The rest is reported."
    ),
    Reason.WORKFLOW_DELETED: "The Workflow was deleted before it completed. The report shows its last known state.",
    Reason.RECONCILE_ABANDONED: (
        "The operator died twice while it reconciled this Workflow, so it does not try again until the completed "
        "Workflow changes, or until the report is deleted or its spec is changed. The rest of the report may be "
        "outdated."
    ),
    Reason.WORKFLOW_ACTIVE: "The Workflow has not completed.",
    Reason.WORKFLOW_SUCCEEDED: "The Workflow completed with phase Succeeded.",
    Reason.WORKFLOW_FAILED: "The Workflow completed with phase Failed, and no root cause was identified.",
    Reason.WORKFLOW_ERRORED: "The Workflow completed with phase Error, and no root cause was identified.",
    Reason.NODES_READ: "All nodes were read.",
    Reason.NO_NODES_YET: "The Workflow has no nodes (yet).",
    Reason.NODES_OFFLOADED: (
        "The nodes are offloaded to Argo's database, and no Argo Server is configured. Counts and steps are unknown, "
        "not zero. The message names the settings to configure."
    ),
    Reason.NODES_BEING_FETCHED: "The nodes are offloaded to Argo's database and are being fetched from Argo Server.",
    Reason.NODES_UNREADABLE: "The compressed nodes could not be decoded. Counts and steps are unknown, not zero.",
    Reason.TOO_LARGE: (
        "The nodes exceed a limit: 50,000 nodes, 16 MiB of JSON or 1,000,000 values. The report is written without "
        "them, from the Workflow's phase and message; counts and steps are unknown, not zero."
    ),
    Reason.TOO_MANY_REPORTS: (
        "Event only: users created more reports in the namespace than `WFREPORT_USER_REPORTS_PER_NAMESPACE_MAX`, or "
        "more than ten about one Workflow. Further ones are not followed and have no status."
    ),
    Reason.RUN_FAILED: (
        "Event only: the run failed. The message is the report's summary and the next command. It is recorded when the "
        "evidence is complete, if the run ended within the last hour."
    ),
    Reason.REMEDIATION_HELD: "Event only: a policy matches a failed run and does not act yet; the message is why.",
    Reason.RUN_SLOW: (
        "Event only: the run goes on, and takes longer than the 95th percentile of the last successful runs, than "
        "their median and three median absolute deviations, and 30 seconds longer than the median. It is recorded once "
        "a run, if at least five runs are known; `status.warnings` has it with the reason `Slow`."
    ),
    Reason.WORKFLOW_NOT_ARCHIVED: "Argo Server has no such run in this namespace, or none with the requested uid.",
    Reason.ARCHIVE_BEING_READ: "Lookup in Argo's archive is in progress.",
    Reason.ARGO_SERVER_NOT_CONFIGURED: "The report needs Argo's archive, and no Argo Server is configured.",
    Reason.ARGO_SERVER_UNREACHABLE: (
        "Argo Server does not respond. The request is retried, as for all of the following reasons."
    ),
    Reason.ARGO_SERVER_UNAUTHORIZED: "Argo Server rejected the operator's token, or the token could not be obtained.",
    Reason.ARGO_SERVER_FORBIDDEN: "The operator's user is not permitted to read this through Argo Server.",
    Reason.ARGO_SERVER_THROTTLED: (
        "Argo Server is rate limiting requests. The request is retried when the server allows it."
    ),
    Reason.ARGO_SERVER_FAILED: "Argo Server returned an error (HTTP 5xx).",
    Reason.ARGO_SERVER_BAD_RESPONSE: "The response from Argo Server's URL is not one that Argo Server would send.",
    Reason.ARGO_SERVER_TOO_NEW: "Argo Server has a later major version than this operator supports.",
    Reason.ARGO_SERVER_WITHOUT_DATABASE: "Argo Server has no persistence: neither an archive nor offloaded nodes.",
    Reason.ARGO_SERVER_REFUSED: (
        "Argo Server refused the request for another reason; the operator's log has the server's message."
    ),
    Reason.EVIDENCE_CAPTURED: "Every failed pod was captured, with its Events and log as far as they are enabled.",
    Reason.NOTHING_FAILED: "No pod failed, so there is no evidence to capture.",
    Reason.CAPTURE_PENDING: "Failed pods are still being read. The report is updated when this is done.",
    Reason.POD_NOT_CAPTURED: (
        "Some failed pods were deleted before evidence was collected; their failures are classified by Argo's messages."
    ),
    Reason.PODS_FORBIDDEN: (
        "The operator is not permitted to read pods; their failures are classified by Argo's messages."
    ),
    Reason.PODS_UNREACHABLE: "The API server did not return the pods, even after retries.",
    Reason.CAPTURE_LIMIT: "More pods failed than the operator captures. The list of failures itself is complete.",
    Reason.LOG_IN_ARCHIVE: (
        "The pod or its log is gone, but Argo archived the log. It is being fetched through Argo Server."
    ),
    Reason.LOG_FORBIDDEN: "The operator is not permitted to read logs: install the component pod-logs.",
    Reason.LOG_GONE: "The pod or its log was gone before the log was read.",
    Reason.LOG_UNREACHABLE: "The log could not be read from the pod's machine, even after retries.",
    Reason.LOG_DISABLED: "A setting or the report's spec disables reading the log. This is not an error.",
    Reason.EVENTS_FORBIDDEN: "The operator is not permitted to read the pods' Events.",
    Reason.EVENTS_NOT_READ: (
        "The pod's Events were not read: too many pods failed at once, or the API server refused the request."
    ),
    Reason.SIZE_LIMIT: "The report was truncated to its size limit; the message lists what was dropped and how much.",
    Reason.WITHIN_LIMITS: "Nothing was truncated.",
}

DELAY_MEANINGS: dict[DelayReason, str] = {
    DelayReason.BACKOFF: "The next attempt of its retryStrategy was not due or not yet created.",
    DelayReason.POD_NOT_CREATED: "Its pod had not been created: a lock, a parallelism limit or a quota.",
    DelayReason.SCHEDULING: "Its pod had not been assigned to a machine.",
    DelayReason.CONTAINER_CREATING: "Images were being pulled and volumes mounted.",
    DelayReason.POD_INITIALIZING: "Its init containers were running; they load the input artifacts.",
    DelayReason.SUSPENDED: "It is a suspend step: it waited for a person to resume it, or for its duration to elapse.",
}

STALL_MEANINGS: dict[StallReason, str] = {
    StallReason.POD_GONE: (
        "The pod of a step has failed, or is gone, and Argo still reports the step as running: its controller has not "
        "noticed."
    ),
    StallReason.MAIN_ENDED: (
        "The main container of a step has ended, and its pod has not: a sidecar, or Argo's own `wait`, keeps it alive, "
        "or its machine does not end it."
    ),
    StallReason.MAIN_NOT_STARTED: (
        "The main container of a step could not be started, while Argo's `wait` or a sidecar keeps its pod alive."
    ),
    StallReason.POD_TERMINATING: (
        "The pod of a step is being deleted and does not go: its machine is dead, or a finalizer holds it."
    ),
    StallReason.MACHINE_SILENT: (
        "The machine of a running pod does not respond, and Kubernetes does not evict the pod, which tolerates that."
    ),
    StallReason.TASK_RESULT_MISSING: (
        "All steps have ended, and Argo waits for the result of a step that its executor never reported as complete."
    ),
    StallReason.AGENT_GONE: "HTTP or plugin steps wait for Argo's agent, whose pod has ended, crashes or is gone.",
    StallReason.NOTHING_SCHEDULED: (
        "No step runs or waits, and Argo has neither created the next one nor completed the Workflow."
    ),
    StallReason.EXIT_HANDLER_NOT_STARTED: "All steps have ended, and the exit handler of the Workflow has not started.",
    StallReason.SUSPENDED_AND_TERMINATED: (
        "The Workflow is suspended and shut down at once: Argo does not shut down a suspended Workflow."
    ),
    StallReason.DELETION_BLOCKED: (
        "The Workflow is being deleted, and a finalizer blocks that: Argo's for the garbage collection of artifacts, "
        "while no pod is at it, or another."
    ),
    StallReason.ARTIFACT_GC_FAILED: "Argo could not delete the artifacts of the run (its condition `ArtifactGCError`).",
    StallReason.LOCK_LEAKED: (
        "A step or the Workflow waits for a lock whose holder has ended or does not exist: nobody will release it."
    ),
    StallReason.CONTROLLER_SILENT: (
        "Argo's controller is down or does not select the namespace: it has moved no Workflow although there was "
        "something to do. No policy acts until it does."
    ),
}

STALL_ADVICE: dict[StallReason, str] = {
    StallReason.POD_GONE: "Restart Argo's controller; if that does not help, stop the run and resubmit it.",
    StallReason.MAIN_ENDED: (
        "If a sidecar keeps the pod alive, let it exit when main does (Argo's kill commands, or a native sidecar). If "
        "only Argo's wait does, its log tells whether it still stores outputs. Else delete the pod, or stop the run."
    ),
    StallReason.MAIN_NOT_STARTED: "Mend the image, the command or the volumes; then stop the run and resubmit it.",
    StallReason.POD_TERMINATING: (
        "Bring the machine back or delete its Node object, or remove the finalizer that holds the pod; "
        "else delete the pod with --force --grace-period=0."
    ),
    StallReason.MACHINE_SILENT: (
        "Bring the machine back, or delete its Node object if it is gone for good: the step then fails."
    ),
    StallReason.TASK_RESULT_MISSING: (
        "Label its WorkflowTaskResult workflows.argoproj.io/report-outputs-completed=true, so that the step ends; or "
        "delete its pod, so that it fails. Argo applies no stop to it before."
    ),
    StallReason.AGENT_GONE: "Stop the run and resubmit it; the agent's pod and its Events tell why it ended.",
    StallReason.NOTHING_SCHEDULED: (
        "Restart Argo's controller; if that does not help, stop the run and resubmit it. If daemons use up the "
        "parallelism of the Workflow, raise that instead."
    ),
    StallReason.EXIT_HANDLER_NOT_STARTED: (
        "Restart Argo's controller; if that does not help, terminate the run and do the exit handler's work by hand."
    ),
    StallReason.SUSPENDED_AND_TERMINATED: "Resume the Workflow (argo resume); Argo then shuts it down.",
    StallReason.DELETION_BLOCKED: (
        "Mend what the garbage collection of artifacts needs (credentials, ServiceAccount, the artifact store), or set "
        "artifactGC.forceFinalizerRemoval, or remove the finalizer workflows.argoproj.io/artifact-gc by hand; the "
        "artifacts then stay. Another finalizer is removed by whoever set it."
    ),
    StallReason.ARTIFACT_GC_FAILED: (
        "Read the logs of the garbage collection's pod, mend its access to the artifact store, and delete the "
        "artifacts by hand."
    ),
    StallReason.LOCK_LEAKED: "Restart Argo's controller, which builds its locks anew from the running Workflows.",
    StallReason.CONTROLLER_SILENT: (
        "Start Argo's controller, or see in its logs why it does nothing: leader election, permissions, its "
        "instance ID, or its namespaces."
    ),
}
"""Next steps of a person, by the reason of the stall. A finding with more details has its own."""

POLICY_REASON_MEANINGS: dict[PolicyReason, str] = {
    PolicyReason.POLICY_VALID: "The policy is valid.",
    PolicyReason.POLICY_INVALID: (
        "The policy has no effect; the message names the invalid field, its value and the fix."
    ),
    PolicyReason.TOO_MANY_POLICIES: (
        "The policy has no effect: its namespace has more than `WFREPORT_POLICIES_PER_NAMESPACE_MAX`, and others are "
        "older. It takes effect once enough of these are deleted."
    ),
    PolicyReason.ALLOWED: "The policy may perform actions.",
    PolicyReason.NOT_ENFORCED: "The policy's mode is Observe or DryRun: it changes nothing.",
    PolicyReason.RIGHTS_MISSING: (
        "The operator lacks permissions that the policy's actions need; the message names them."
    ),
    PolicyReason.TOO_MANY_FAILURES: "The circuit breaker is open: too many of the window's runs failed.",
    PolicyReason.COOLING_DOWN: "The failure rate has fallen. The breaker stays open until the cooldown ends.",
    PolicyReason.HALF_OPEN: (
        "The cooldown has ended. One action is tried, and its outcome decides whether the breaker closes."
    ),
    PolicyReason.CLOSED: "The circuit breaker is closed: actions are allowed.",
    PolicyReason.SAME_PRIORITY: (
        "Another policy of the same priority selects the same runs. Neither acts on those runs."
    ),
    PolicyReason.NO_CONFLICT: "No other policy of the same priority selects the same runs.",
}

REMEDIATION_REASON_MEANINGS: dict[RemediationReason, str] = {
    RemediationReason.APPROVAL_NOT_REQUIRED: "`Approved`: the policy does not require approval.",
    RemediationReason.APPROVAL_AWAITED: (
        "`Approved`: waiting for a person to run `wfreport approve` or `wfreport deny`."
    ),
    RemediationReason.APPROVED: "`Approved`: a person approved it.",
    RemediationReason.DENIED: "`Approved`: a person denied it.",
    RemediationReason.APPROVAL_TIMED_OUT: "`Approved`: nobody approved it in time, which counts as a denial.",
    RemediationReason.EXECUTION_PENDING: "`Executed`: the action has not been performed yet.",
    RemediationReason.SINK_FAILING: (
        "`Executed`, of a notification: a sink fails, and is tried again for a day; the message has the error."
    ),
    RemediationReason.RUN_STOPPING: "`Executed`: the run hung and was stopped; it is resubmitted once it has ended.",
    RemediationReason.EXECUTED: "`Executed`: the action was performed.",
    RemediationReason.ALREADY_DONE: (
        "`Executed`: there was nothing left to do, because this Remediation or a person had already done it."
    ),
    RemediationReason.DRY_RUN: "`Executed`: the policy's mode is DryRun, so nothing is performed.",
    RemediationReason.TARGET_CHANGED: "`Executed`: the Workflow changed after the decision; nothing was done.",
    RemediationReason.TARGET_GONE: (
        "`Executed`: the Workflow was deleted before the action was performed; nothing was done. The message names "
        "what keeps runs for longer, and how to run it again."
    ),
    RemediationReason.NOT_PERMITTED: "`Executed`: the operator lacks a permission; the message names it.",
    RemediationReason.NOT_POSSIBLE: "`Executed`: the action cannot be performed on this run; the message explains why.",
    RemediationReason.SPEC_NOT_REPRODUCED: (
        "`Executed`: policy and report do not lead to this spec, so the Remediation was refused."
    ),
    RemediationReason.STOP_INEFFECTIVE: (
        "`Executed`: a run that hung was stopped and has not ended within `limits.maxAgeSeconds`. It is not "
        "resubmitted, because both runs would do the same work."
    ),
    RemediationReason.TRACE_LOST: (
        "`Executed`: the intent is old, and nothing shows whether the action was performed. It is never repeated."
    ),
    RemediationReason.EXECUTION_FAILED: "`Executed`: the action was refused or failed; the message has the error.",
    RemediationReason.OUTCOME_AWAITED: "`Succeeded`: the new run has not completed.",
    RemediationReason.RUN_SUCCEEDED: "`Succeeded`: the new run succeeded, so the action helped.",
    RemediationReason.RUN_FAILED: "`Succeeded`: the new run failed too, so the action did not help.",
    RemediationReason.RUN_REFUSED: (
        "`Succeeded`: Argo refused the new run because it only accepts WorkflowTemplates (`templateReferencing`)."
    ),
    RemediationReason.RUN_DELETED: "`Succeeded`: the new run was deleted before it completed.",
    RemediationReason.NO_OUTCOME: "`Succeeded`: the action creates no new run, so its effect cannot be measured.",
    RemediationReason.NOTIFIED: (
        "`Succeeded`, of a notification: the follow-up with the remediation's outcome was sent."
    ),
}

REFUSAL_MEANINGS: dict[Refusal, str] = {
    Refusal.RUN_NOT_COMPLETED: "The run has not completed; only a completed run can be resubmitted.",
    Refusal.WORKFLOW_GONE: "The Workflow no longer exists.",
    Refusal.RUN_COMPLETED: "The run has completed; only a running one can be stopped.",
    Refusal.RUN_STOPPED: "Somebody else is stopping the run that hangs, so it is not resubmitted.",
    Refusal.RUN_NOT_FAILED: "The run did not fail; only a failed run can be resubmitted `memoized`.",
    Refusal.STEPS_NOT_REUSABLE: (
        "A `memoized` run would produce a wrong result without running some succeeded steps again; the message names "
        "the step and the cause."
    ),
    Refusal.NAME_TAKEN: "A Workflow with the new run's name exists, and the operator did not create it.",
    Refusal.EXECUTOR_OUT_OF_MEMORY: (
        "One of Argo's own containers was OOM-killed; its memory is set in Argo's ConfigMap."
    ),
    Refusal.TEMPLATE_REFERENCING: (
        "Argo only runs specs of WorkflowTemplates (`templateReferencing`); raise the memory in the template."
    ),
    Refusal.TEMPLATE_NOT_FOUND: "The run has no template for the step that was OOM-killed.",
    Refusal.CONTAINER_NOT_RAISABLE: "The template does not define the container that was OOM-killed.",
    Refusal.POD_SPEC_PATCH_UNREADABLE: (
        "A podSpecPatch is not valid YAML before its variables are substituted, has aliases, or is longer than 64 KiB."
    ),
    Refusal.SPEC_UNREADABLE: "The Workflow has fields of other types than Argo's, or is nested too deeply.",
    Refusal.MEMORY_LIMIT_UNKNOWN: "Neither a pod nor the spec shows the last attempt's memory limit.",
    Refusal.MEMORY_AT_MAXIMUM: "The last attempt already had the policy's maximum memory.",
    Refusal.OVER_LIMIT: "The new limit exceeds a LimitRange or `podResources`.",
    Refusal.OVER_QUOTA: "The new limit exceeds a ResourceQuota, or what is left of it now.",
    Refusal.MANAGED_BY_GIT: (
        "Argo CD or Flux would revert the change; suspend the CronWorkflow in Git, or set `allowDrift`."
    ),
    Refusal.LABEL_NOT_ALLOWED: "The policy would write one of the labels that control Argo.",
    Refusal.NO_CRON_WORKFLOW: "The run was not created by a CronWorkflow.",
    Refusal.CRON_WORKFLOW_GONE: "The CronWorkflow that created the run no longer exists.",
    Refusal.NO_ARGO_SERVER: "Retries are made by Argo Server, and none is configured.",
    Refusal.NODES_UNREADABLE: "The run's nodes cannot be read, so it is unknown what would run again.",
    Refusal.ARGO_SERVER_REFUSED: "Argo Server refused to retry the run; the message has its response.",
    Refusal.SINK_UNUSABLE: "The notification has no usable sink; the message explains why.",
}

HOLD_MEANINGS: dict[HoldReason, str] = {
    HoldReason.NO_POLICY: "No policy in the namespace selects the Workflow.",
    HoldReason.STALE_OBSERVATION: "The Workflow has changed since the report was written; the report is updated first.",
    HoldReason.CONTROLLER_SILENT: (
        "Argo's controller does not work on its Workflows, so every run hangs and no action has an effect. This holds "
        "every policy, notifications included: alert on the metric instead."
    ),
    HoldReason.RUN_SUCCEEDED: "The run succeeded.",
    HoldReason.EVIDENCE_PENDING: (
        "The run ended less than 30 seconds ago and evidence of failed pods is incomplete. Late evidence may change "
        "the class."
    ),
    HoldReason.RUN_STOPPING: "The run hung and was stopped. It is resubmitted once it has ended.",
    HoldReason.STOP_INEFFECTIVE: "The run was stopped and has not ended within `limits.maxAgeSeconds`.",
    HoldReason.RUN_ACTIVE: "The run has not completed, and no rule of the policy stops running Workflows.",
    HoldReason.STOP_NOT_DUE: "Neither the run nor a waiting step has exceeded the rule's time limit.",
    HoldReason.STALL_NOT_DUE: "The run hangs, but not yet for as long as the rule's `stalled.forSeconds`.",
    HoldReason.CANNOT_HELP: (
        "The run hangs for a reason that the rule's action cannot do anything about; the message explains why. "
        "`notify` is always possible."
    ),
    HoldReason.NO_RULE_MATCHES: "No rule matches the failure.",
    HoldReason.NO_ACTION_CONFIGURED: (
        "The matching rule has no `action` (for the run) or no `notify` (for the notification)."
    ),
    HoldReason.ACTION_IS_NONE: "The matching rule's action is `none`.",
    HoldReason.ALREADY_REMEDIATED: "The run already has a finished Remediation.",
    HoldReason.POLICY_SUSPENDED: "The policy is suspended.",
    HoldReason.POLICY_PAUSED: "The policy has pause requests; the message lists them.",
    HoldReason.OPTED_OUT: "The Workflow or its Namespace has the annotation `wfreport.dev/no-remediation`.",
    HoldReason.CANCELLED_BY_PERSON: "A person stopped or terminated the Workflow.",
    HoldReason.RUN_TOO_OLD: "The run ended longer ago than `limits.maxAgeSeconds`.",
    HoldReason.FAILED_BEFORE_ENFORCED: "The run ended before the policy was enforced, or in the same second.",
    HoldReason.RETRIES_REMAINING: "No failure is final: Argo's own retryStrategy has attempts left.",
    HoldReason.BEING_DELETED: "The Workflow is being deleted.",
    HoldReason.NEWER_RESUBMISSION: "The run has already been resubmitted, by a person or by an earlier action.",
    HoldReason.POLICY_CONFLICT: "Another policy of the same priority selects the Workflow.",
    HoldReason.CRON_ALREADY_SUSPENDED: "The CronWorkflow has already been suspended for this streak of failures.",
    HoldReason.ATTEMPTS_EXHAUSTED: "The chain has used up `limits.maxAttempts` or `limits.infraMaxAttempts`.",
    HoldReason.COOLING_DOWN: "The backoff or the rule's `delaySeconds` has not elapsed.",
    HoldReason.BUDGET_EXHAUSTED: "The policy has reached its budget: too many actions in flight, or in the window.",
    HoldReason.NAMESPACE_BUDGET_EXHAUSTED: (
        "The policies of the namespace have reached its share of the operator's budget: too many of its actions are in "
        "flight, or were performed in the last hour. Other namespaces are not affected."
    ),
    HoldReason.OPERATOR_BUDGET_EXHAUSTED: (
        "The policies of all namespaces together have reached the operator's budget: too many actions in flight, or in "
        "the last hour."
    ),
    HoldReason.BREAKER_OPEN: "The policy's circuit breaker is open, or half open with a trial action in flight.",
    HoldReason.REMEDIATION_INEFFECTIVE: (
        "The same failure came back after the same action more often than `circuitBreaker.sameFingerprintAtMost`."
    ),
    HoldReason.APPROVAL_MISSING: "The Remediation is waiting for approval.",
    HoldReason.APPROVAL_DENIED: "A person denied the Remediation, or nobody approved it in time.",
}
