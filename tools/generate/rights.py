"""Generates the page of rights from the RBAC manifests, with their comments as reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from generate.kinds import ROOT
from generate.markdown import Row, UndocumentedError, code, page, table

MANIFESTS: Final = ROOT / "manifests"
_BASE: Final = MANIFESTS / "base"
_AGGREGATION: Final = "rbac.authorization.k8s.io/aggregate-to-"
_RULE: Final = "- apiGroups:"
_INTRODUCTION: Final = (
    "The permissions of the operator, and the reason for each. The base and `pod-logs` are the default install; you "
    "add every other component yourself ([kustomize](../howto/kustomize.md), [Helm](../howto/helm.md)). "
    "`overlays/namespaced` grants the same in one namespace only. A test runs the operator as its ServiceAccount: it "
    "has these rights and no other ones."
)
_USERS: Final = "Aggregated to the roles that Kubernetes has for the people of a namespace."
_OPERATOR_HEADER: Final = ("Part", "Verbs", "Resources", "Why")


def rights_page() -> str:
    """Return the page of rights.

    Raises:
        UndocumentedError: a rule has no comment.
    """
    return page(
        "Rights",
        _INTRODUCTION,
        "## The operator",
        table(_OPERATOR_HEADER, [*_base_rows(), *_component_rows()]),
        "## People",
        _USERS,
        table(("Role", "Part of", "Verbs", "Resources", "Why"), [*_user_rows()]),
    )


def _base_rows() -> Iterator[Row]:
    for file, part in (("role.yaml", "base"), ("leader-election.yaml", "base, in the operator's own namespace")):
        text = (_BASE / file).read_text()
        (document,) = [one for one in yaml.safe_load_all(text) if one["kind"].endswith("Role")]
        for rule, why in zip(document["rules"], _comments(text, _BASE / file), strict=True):
            yield (part, *_verbs_and_resources(rule), why)


def _component_rows() -> Iterator[Row]:
    for path in sorted(MANIFESTS.glob("components/*/kustomization.yaml")):
        text = path.read_text()
        rules = [
            operation["value"]
            for patch in yaml.safe_load(text).get("patches", ())
            if "patch" in patch
            for operation in yaml.safe_load(patch["patch"])
            if operation["path"] == "/rules/-"
        ]
        for number, rule in enumerate(rules):
            yield (code(path.parent.name), *_verbs_and_resources(rule), "the same" if number else _head(text, path))


def _user_rows() -> Iterator[Row]:
    documents = [(_BASE / "user-roles.yaml").read_text()]
    documents += [(MANIFESTS / "components" / "admission-policy" / "enforce-role.yaml").read_text()]
    for text in (part for document in documents for part in document.split("\n---\n")):
        role: dict[str, Any] = yaml.safe_load(text)
        labels = role["metadata"]["labels"]
        into = [name.removeprefix(_AGGREGATION) for name in labels if name.startswith(_AGGREGATION)]
        for rule in role["rules"]:
            yield (
                code(role["metadata"]["name"]),
                ", ".join(map(code, into)),
                *_verbs_and_resources(rule),
                _head(text, _BASE / "user-roles.yaml"),
            )


def _verbs_and_resources(rule: dict[str, Any]) -> tuple[str, str]:
    (group,) = rule["apiGroups"]
    suffix = f".{group}" if group else ""
    names = f" ({', '.join(map(code, rule['resourceNames']))} only)" if "resourceNames" in rule else ""
    resources = ", ".join(
        code(f"{resource.partition('/')[0]}{suffix}{_sub(resource)}") for resource in rule["resources"]
    )
    return ", ".join(rule["verbs"]), f"{resources}{names}"


def _sub(resource: str) -> str:
    """Return the subresource with its slash, or nothing."""
    _, slash, sub = resource.partition("/")
    return f"{slash}{sub}"


def _comments(text: str, path: Path) -> list[str]:
    """Return the comment above each rule."""
    found: list[str] = []
    comment: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif line.startswith(_RULE):
            if not comment:
                raise UndocumentedError(f"{path.relative_to(ROOT)}: rule {len(found) + 1} has no comment of why")
            found.append(" ".join(comment))
            comment = []
        else:
            comment = []
    return found


def _head(text: str, path: Path) -> str:
    """Return the comment at the head of a document."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    if not lines:
        raise UndocumentedError(f"{path.relative_to(ROOT)} has no comment at its head")
    return " ".join(lines)
