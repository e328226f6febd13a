"""Settings from the environment, and the messages for invalid values."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wfreport.setting_types import setting_variables, unknown_variables
from wfreport.settings import InvalidSettingsError, Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"WFREPORT_{field.upper()}", raising=False)


def test_lists_are_separated_by_commas_and_patterns_by_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_NAMESPACES", "team-a, team-b,")
    monkeypatch.setenv("WFREPORT_REDACT_PATTERNS", "secret-[0-9]{1,3}\n\ntoken=.*\n")
    settings = load_settings()
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.redact_patterns == ("secret-[0-9]{1,3}", "token=.*")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        (
            "WORKERS",
            "many",
            "WFREPORT_WORKERS='many': input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "NAMESPACES",
            "team-a,../team-b",
            (
                "WFREPORT_NAMESPACES='team-a,../team-b': '../team-b' is not the name of a namespace: "
                "use lower-case letters, digits and hyphens"
            ),
        ),
        ("WORKERS", "0", "WFREPORT_WORKERS='0': input should be greater than or equal to 1"),
        ("LOG_FORMAT", "xml", "WFREPORT_LOG_FORMAT='xml': input should be 'auto', 'json' or 'text'"),
        (
            "REDACT_PATTERNS",
            "a(",
            (
                "WFREPORT_REDACT_PATTERNS='a(': 'a(' is not a regular expression: "
                "missing ), unterminated subpattern at position 1"
            ),
        ),
        (
            "RETENTION",
            "[{",
            (
                "WFREPORT_RETENTION='[{': not JSON: Expecting property name enclosed in double quotes: "
                "line 1 column 3 (char 2)"
            ),
        ),
        (
            "RETENTION",
            '[{"keep": "7d"}, {"keep": "a week"}]',
            ("WFREPORT_RETENTION[1].keep='a week': 'a week' is not a duration; write 90s, 30m, 1h30m, 7d or 1w"),
        ),
        (
            "RETENTION",
            '[{"keep": "7d", "phase": "x"}]',
            "WFREPORT_RETENTION[0].phase='x': extra inputs are not permitted",
        ),
        (
            "UI_URL_TEMPLATE",
            "http://x/{id}",
            "WFREPORT_UI_URL_TEMPLATE='http://x/{id}': only {namespace}, {name} and {uid} are allowed in braces",
        ),
        (
            "POLL_INTERVAL_MIN_SECONDS",
            "120",
            "WFREPORT_POLL_INTERVAL_MIN_SECONDS=120 must not be greater than WFREPORT_POLL_INTERVAL_MAX_SECONDS=60",
        ),
    ],
)
def test_an_invalid_value_is_named_with_the_expected_one(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"WFREPORT_{variable}", value)
    with pytest.raises(InvalidSettingsError) as error:
        load_settings()
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"URL": "argo:2746"}, "WFREPORT_ARGO_SERVER_URL: expected one like https://argo-server.argo:2746"),
        ({"URL": "https://me:s3cr3t@argo"}, "WFREPORT_ARGO_SERVER_URL: it must not contain a name or password"),
        ({"URL": "https://argo:x3cr3t"}, "WFREPORT_ARGO_SERVER_URL: not a URL"),
        ({"TOKEN_FILE": "/t"}, "URL is missing, but WFREPORT_ARGO_SERVER_TOKEN_FILE is set"),
        (
            {"URL": "https://argo", "TOKEN_FILE": "/t", "TOKEN_COMMAND": "get s3cr3t"},
            "WFREPORT_ARGO_SERVER_TOKEN_FILE and WFREPORT_ARGO_SERVER_TOKEN_COMMAND are both set",
        ),
        (
            {"URL": "https://argo", "CLIENT_KEY_FILE": "/k"},
            "CLIENT_KEY_FILE is set without WFREPORT_ARGO_SERVER_CLIENT_CERTIFICATE_FILE",
        ),
        (
            {"URL": "https://argo", "CA_FILE": "/ca", "INSECURE_SKIP_VERIFY": "true"},
            "INSECURE_SKIP_VERIFY is set together with WFREPORT_ARGO_SERVER_CA_FILE",
        ),
        (
            {"URL": "https://argo", "TOKEN_COMMAND": "get 's3cr3t"},
            "WFREPORT_ARGO_SERVER_TOKEN_COMMAND=…: a quotation mark is not closed",
        ),
    ],
)
def test_contradicting_settings_of_argo_server_are_named_without_their_secrets(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"WFREPORT_ARGO_SERVER_{name}", value)
    with pytest.raises(InvalidSettingsError) as error:
        load_settings()
    assert expected in str(error.value)
    assert "3cr3t" not in str(error.value)


def test_a_token_command_is_split_as_by_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_ARGO_SERVER_URL", "https://argo/base")
    monkeypatch.setenv("WFREPORT_ARGO_SERVER_TOKEN_COMMAND", "get-token --for 'argo server'")
    assert load_settings().argo_server_token_command == ("get-token", "--for", "argo server")


def test_overrides_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_WORKERS", "3")
    assert load_settings(workers=5).workers == 5


def test_a_service_named_wfreport_in_the_namespace_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name, value in {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "PORT": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP_PROTO": "tcp",
    }.items():
        monkeypatch.setenv(f"WFREPORT_{name}", value)
    assert load_settings() == before


def test_settings_are_frozen_and_all_of_them_are_described() -> None:
    with pytest.raises(ValidationError):
        load_settings().workers = 3  # type: ignore[misc]
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_logs_are_json_in_a_cluster_unless_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert not load_settings().logs_json
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert load_settings().logs_json
    assert not load_settings(log_format="text").logs_json


def test_the_times_until_waits_are_listed_are_settings() -> None:
    graces = load_settings(waiting_grace_unschedulable_seconds=1, waiting_grace_starting_seconds=9).waiting_graces
    assert (graces.unschedulable_seconds, graces.image_pull_seconds, graces.starting_seconds) == (1, 60, 9)


def test_an_unknown_variable_is_found_with_the_setting_that_was_meant() -> None:
    known = setting_variables(Settings.model_fields)
    environment = ["WFREPORT_NAMESPACE", "WFREPORT_NAMESPACES", "WFREPORT_COFFEE", "PATH", "_WFREPORT_COMPLETE"]
    assert unknown_variables(environment, known) == {"WFREPORT_COFFEE": "", "WFREPORT_NAMESPACE": "WFREPORT_NAMESPACES"}


def test_variables_that_kubernetes_sets_for_services_are_no_settings() -> None:
    of_services = [
        *("WFREPORT_SERVICE_HOST", "WFREPORT_SERVICE_PORT", "WFREPORT_SERVICE_PORT_HTTP", "WFREPORT_PORT"),
        *("WFREPORT_PORT_8080_TCP", "WFREPORT_PORT_8080_TCP_ADDR"),
        *("WFREPORT_METRICS_SERVICE_HOST", "WFREPORT_METRICS_PORT"),
    ]
    assert unknown_variables(of_services, setting_variables(Settings.model_fields)) == {}
    assert unknown_variables(["WFREPORT_METRICS_PORT"], ["WFREPORT_HTTP_PORT"]) == {"WFREPORT_METRICS_PORT": ""}
