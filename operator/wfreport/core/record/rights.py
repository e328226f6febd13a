"""Permissions that a policy's actions need. They are checked in advance, not when an action fails at 3 a.m."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.argo import GROUP as ARGO
from wfreport.api.names import GROUP
from wfreport.api.policy import Mode, PolicySpec, Rule


class Right(Struct, frozen=True):
    """A verb on a resource, in the policy's namespace."""

    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        """Return the arguments for ``kubectl auth can-i``."""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


COMPONENTS: Final[dict[ActionType, str]] = {
    ActionType.LABEL_PODS: "remediate-label-pods",
    ActionType.RESUBMIT: "remediate-resubmit",
    ActionType.RAISE_MEMORY: "remediate-resubmit",
    ActionType.RETRY: "remediate-retry",
    ActionType.SUSPEND_CRON: "remediate-suspend-cron",
    ActionType.STOP: "remediate-stop",
    ActionType.NOTIFY: "remediate-notify",
}
"""The components of ``manifests/components`` that grant the rights of each action."""

_OPT_OUT: Final = (Right("get", "", "namespaces"),)
_RESUBMIT: Final = (Right("create", ARGO, "workflows"),)

RIGHTS: Final[dict[ActionType, tuple[Right, ...]]] = {
    ActionType.LABEL_PODS: (Right("patch", "", "pods"),),
    ActionType.RESUBMIT: _RESUBMIT,
    ActionType.RAISE_MEMORY: (*_RESUBMIT, Right("list", "", "limitranges"), Right("list", "", "resourcequotas")),
    ActionType.RETRY: (),
    ActionType.SUSPEND_CRON: (Right("get", ARGO, "cronworkflows"), Right("patch", ARGO, "cronworkflows")),
    ActionType.STOP: (Right("patch", ARGO, "workflows"),),
    ActionType.NOTIFY: (Right("get", "", "secrets"),),
    ActionType.NONE: (),
}
"""The rights of each action. Argo Server performs Retry, with the rights of the operator's token there."""


REPORTING: Final[tuple[Right, ...]] = (
    *(Right(verb, ARGO, "workflows") for verb in ("get", "list", "watch")),
    *(Right(verb, "", "pods") for verb in ("list", "watch")),
    *(Right(verb, "", "events") for verb in ("list", "create")),
    *(Right(verb, GROUP, "workflowreports") for verb in ("get", "list", "watch", "create", "delete")),
    *(Right(verb, GROUP, "remediationpolicies") for verb in ("get", "list", "watch")),
    *(Right(verb, GROUP, "remediations") for verb in ("get", "list", "watch", "create", "delete")),
    *(
        Right("patch", GROUP, f"{plural}/status")
        for plural in ("workflowreports", "remediationpolicies", "remediations")
    ),
    *_OPT_OUT,
)
"""The rights without which the operator does not work: those of ``manifests/base``."""

LOGS: Final = Right("get", "", "pods/log")
"""The right of the component ``pod-logs``. Without it, reports have no log tails."""


def actions_of(spec: PolicySpec) -> list[ActionType]:
    """Return the distinct actions of a policy, in the order of its rules."""
    actions = [action for rule in spec.rules for action in _actions_of_rule(rule)]
    return list(dict.fromkeys(actions))


def _actions_of_rule(rule: Rule) -> Iterable[ActionType]:
    if rule.label_pods is not None:
        yield ActionType.LABEL_PODS
    if rule.action is not None:
        yield rule.action.type
    if rule.match.stalled is not None and rule.action is not None and rule.action.resubmit is not None:
        yield ActionType.STOP  # a run that hangs is stopped before it is resubmitted
    if rule.notify is not None:
        yield ActionType.NOTIFY


def needed_rights(spec: PolicySpec) -> list[Right]:
    """Return the distinct rights that a policy needs in its mode; none in a mode without actions."""
    if spec.mode in {Mode.OBSERVE, Mode.DRY_RUN}:
        return []
    needs_secret = any(sink.apprise for rule in spec.rules if rule.notify for sink in rule.notify.sinks)
    actions = [action for action in actions_of(spec) if action != ActionType.NOTIFY or needs_secret]
    return list(dict.fromkeys((*_OPT_OUT, *(right for action in actions for right in RIGHTS[action]))))


def missing_rights_message(spec: PolicySpec, missing: Iterable[Right]) -> str:
    """Return a message with the missing rights and the components that grant them."""
    rights = list(missing)
    components = sorted({COMPONENTS[action] for action in actions_of(spec) if set(RIGHTS[action]) & set(rights)})
    fix = f": add {', '.join(f'manifests/components/{name}' for name in components)}" if components else ""
    return f"the operator is not permitted to {', '.join(map(str, rights))} in this namespace{fix}"
