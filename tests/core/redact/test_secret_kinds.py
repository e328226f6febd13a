"""The kinds of secrets, and the harmless texts that resemble them, from the lists beside this file."""

from __future__ import annotations

import pytest
from tests.core.redact import field_texts, further_texts, line_texts, mask_texts, ruleset_texts
from tests.core.redact.secret_texts import HARMLESS, SECRETS
from tests.examples import batches

from wfreport.api.wire import TEXT
from wfreport.core.redact.redactor import MASK, Redactor
from wfreport.core.redact.text import FULL_CHARACTERS, TextSanitizer, clip

SECRET_TEXTS = [(kind, text, secret) for kind, texts in SECRETS.items() for text, secret in texts]
SECRET_TEXTS += [("further", text, secret) for text, secret in further_texts.SECRETS]
SECRET_TEXTS += [("field", text, secret) for text, secret in field_texts.SECRETS]
SECRET_TEXTS += [("ruleset", text, secret) for text, secret in ruleset_texts.SECRETS]
SECRET_TEXTS += [("line", text, secret) for text, secret in line_texts.SECRETS]
HARMLESS_TEXTS = [(kind, text) for kind, texts in HARMLESS.items() for text in texts]
HARMLESS_TEXTS += [("further", text) for text in further_texts.HARMLESS]
HARMLESS_TEXTS += [("field", text) for text in field_texts.HARMLESS]
HARMLESS_TEXTS += [("ruleset", text) for text in ruleset_texts.HARMLESS]
HARMLESS_TEXTS += [("mask", text) for text in mask_texts.HARMLESS]
SECRET_BATCHES = batches(SECRET_TEXTS, name="-".join)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(SECRET_TEXTS) >= 106
    assert len(HARMLESS_TEXTS) >= 58


@pytest.mark.parametrize("batch", SECRET_BATCHES)
def test_a_secret_of_each_kind_is_removed(redactor: Redactor, batch: list[tuple[str, str, str]]) -> None:
    for kind, text, secret in batch:
        redacted, count = redactor.redact(f"12:00:01 before\n{text}\n12:00:02 after")
        assert secret not in redacted, kind
        assert count > 0, (kind, text)
        assert MASK in redacted, (kind, text)
        assert redacted.startswith("12:00:01 before\n")
        assert redacted.endswith("12:00:02 after")


@pytest.mark.parametrize("batch", SECRET_BATCHES)
def test_redacting_a_redacted_text_changes_nothing(redactor: Redactor, batch: list[tuple[str, str, str]]) -> None:
    for kind, text, secret in batch:
        once = redactor.redact(text)[0]
        assert secret not in once, kind
        assert redactor.redact(once) == (once, 0)


@pytest.mark.parametrize("batch", batches(HARMLESS_TEXTS, name="-".join))
def test_a_harmless_text_stays(redactor: Redactor, batch: list[tuple[str, str]]) -> None:
    for kind, text in batch:
        assert redactor.redact(text) == (text, 0), kind
        surrounded = f"12:00:01 before\n{text}\n12:00:02 after"
        assert redactor.redact(surrounded) == (surrounded, 0), kind


INVISIBLE = [
    *(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"),
    *(chr(code) for code in range(0x7F, 0xA0)),
    *(chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)),
    *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u200c", "\u200d", "\ufe0f", "\U000e0041"),
    *(
        "\x1b[31m",
        "\x1b[2J",
        "\x9b1m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x1bP1$r\x1b\\",
        "\x1b(B",
        "\x1bc",
    ),
]


@pytest.mark.parametrize("batch", batches(INVISIBLE, name=ascii))
def test_what_has_no_glyph_is_not_written(redactor: Redactor, batch: list[str]) -> None:
    for invisible in batch:
        assert redactor.redact(f"a{invisible}\nb") == ("a\nb", 0)
        assert TextSanitizer(redactor).text(invisible) is None
        assert clip(f"step-1{invisible}") == "step-1"


@pytest.mark.parametrize("batch", batches([text for text in INVISIBLE if text not in "\x1b\x9b"], name=ascii))
def test_what_has_no_glyph_hides_no_secret(redactor: Redactor, batch: list[str]) -> None:
    for invisible in batch:
        assert redactor.redact(f"pass{invisible}word={invisible}hunter2{invisible} x") == ("password=[redacted] x", 1)


def test_emoji_and_scripts_that_need_joiners_stay(redactor: Redactor) -> None:
    for text in (
        "\U0001f468\u200d\U0001f4bb works",
        "\u26a0\ufe0f low disk",
        "\u0645\u06cc\u200c\u0631\u0648\u0645",
        "na\u00efve \u2013 \u201cquoted\u201d",
    ):
        assert redactor.redact(text) == (text, 0)


def test_texts_beyond_those_that_a_report_can_hold_are_shortened_and_redacted_all_the_same() -> None:
    sanitizer = TextSanitizer(Redactor())
    length, secret = 3_000, "password=" + "hunter2hunter2"
    texts = [f"{number:06} {secret} " + "x" * (length - 30) for number in range(2 * FULL_CHARACTERS // length)]
    shown = [sanitizer.text(text) or "" for text in texts]
    assert len(shown[0]) == TEXT
    assert len(shown[-1]) <= 256
    assert shown[-1].startswith(f"{len(texts) - 1:06} password={MASK}")
    assert not any("hunter2" in text for text in shown)
    assert shown[-1].endswith("characters)")


def test_a_text_that_occurs_again_has_the_same_form() -> None:
    sanitizer = TextSanitizer(Redactor())
    first = sanitizer.text("boom " * 500)
    for number in range(200):
        sanitizer.text(f"{number} " + "y" * 4_000)
    assert sanitizer.text("boom " * 500) == first


@pytest.mark.parametrize("batch", SECRET_BATCHES)
def test_a_secret_between_the_names_in_a_path_is_found_as_in_any_text(
    redactor: Redactor, batch: list[tuple[str, str, str]]
) -> None:
    names = ("etl-7", "etl-7-load-123")
    for _, text, _ in batch:
        for path in (f"etl-7/{text}/etl-7-load-123/main.log", f"logs/etl-7/{text}", f"{text}/etl-7/main.log", text):
            assert TextSanitizer(redactor).path(path, names) == TextSanitizer(redactor).text(path)


def test_names_in_a_path_are_not_searched_because_the_report_shows_them_anyway(redactor: Redactor) -> None:
    name = "password=hunter2hunter2"
    assert TextSanitizer(redactor).path(f"logs/{name}/main.log", (name,)) == f"logs/{name}/main.log"
    assert TextSanitizer(redactor).path(f"{name}/{name}", (name,)) == f"{name}/{name}"
    assert TextSanitizer(redactor).path(f"logs/{name}/main.log", ()) == f"logs/password={MASK}"


@pytest.mark.parametrize("path", [None, "", " ", "\u200b", "etl-7/\x1b[0m", "etl-7/\u200bx", f"etl-7/{'x' * TEXT}"])
def test_a_path_has_the_form_of_a_text(redactor: Redactor, path: str | None) -> None:
    assert TextSanitizer(redactor).path(path, ("etl-7",)) == TextSanitizer(redactor).text(path)


@pytest.mark.parametrize("value", ["0", "1234", "a", "read", "hours"])
@pytest.mark.parametrize("name", ["api-token", "client_secret", "dbPassword", "encryption-key"])
def test_the_name_of_a_parameter_hides_any_value(name: str, value: str) -> None:
    sanitizer = TextSanitizer(Redactor())
    assert sanitizer.value(name, value, 100) == sanitizer.value_to_digest(name, value) == MASK


@pytest.mark.parametrize(
    "value", ["{{workflow.parameters.token}}", "${TOKEN}", "/etc/secrets/token", "vault:ci/data/a#b"]
)
def test_what_refers_to_a_secret_is_shown(value: str) -> None:
    assert TextSanitizer(Redactor()).value("api-token", value, 100) == value


@pytest.mark.parametrize("name", ["tokens", "token-ttl", "secret-name", "monkey"])
def test_a_name_about_a_secret_hides_nothing(name: str) -> None:
    assert TextSanitizer(Redactor()).value(name, "4096", 100) == "4096"
