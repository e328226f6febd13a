"""The permissions that a policy needs."""

from __future__ import annotations

from tests.core.decide.builders import a_policy

from wfreport.api.action_types import ActionType
from wfreport.core.record.rights import COMPONENTS, RIGHTS, Right, actions_of, missing_rights_message, needed_rights

EVERYTHING = (
    {"name": "a", "match": {}, "labelPods": {}, "action": {"suspendCron": {}}},
    {"name": "b", "match": {}, "action": {"raiseMemory": {"max": "1Gi"}}},
    {"name": "c", "match": {}, "notify": {"sinks": [{"name": "s", "apprise": {"secretName": "x"}}]}},
    {"name": "d", "match": {}, "action": {"none": {}}},
)


def test_a_policy_needs_the_rights_of_its_actions_and_none_in_a_passive_mode() -> None:
    spec = a_policy(*EVERYTHING).spec
    assert actions_of(spec) == ["LabelPods", "SuspendCron", "RaiseMemory", "Notify", "None"]
    assert set(map(str, needed_rights(spec))) == {
        "get namespaces",
        "patch pods",
        "get cronworkflows.argoproj.io",
        "patch cronworkflows.argoproj.io",
        "create workflows.argoproj.io",
        "list limitranges",
        "list resourcequotas",
        "get secrets",
    }
    for mode in ("Observe", "DryRun"):
        assert needed_rights(a_policy(*EVERYTHING, mode=mode).spec) == []


def test_cloud_events_need_no_right_to_read_secrets() -> None:
    hook = {"sinks": [{"name": "s", "cloudEvents": {"url": "http://x"}}]}
    assert needed_rights(a_policy({"name": "c", "match": {}, "notify": hook}).spec) == [Right("get", "", "namespaces")]


def test_missing_rights_are_named_with_the_components_that_grant_them() -> None:
    spec = a_policy(*EVERYTHING).spec
    message = missing_rights_message(spec, [Right("patch", "", "pods"), Right("get", "", "secrets")])
    assert message == (
        "the operator is not permitted to patch pods, get secrets in this namespace: add "
        "manifests/components/remediate-label-pods, manifests/components/remediate-notify"
    )
    assert missing_rights_message(spec, [Right("get", "", "namespaces")]).endswith("in this namespace")


def test_every_action_has_its_rights_and_every_right_its_component() -> None:
    assert RIGHTS.keys() == set(ActionType)
    assert COMPONENTS.keys() == set(ActionType) - {ActionType.NONE}
