"""Removes characters without a glyph. They hide secrets from a search, and change how the text around them is shown.

Three views of a text are used:

* the visible text (`strip_invisible`) is what is written: no terminal sequences, control characters, direction
  overrides or zero-width characters;
* the folded text (`fold`) is what is searched: look-alikes of ASCII are replaced one by one, so positions are equal;
* the unescaped text (`unescape`) is searched too, because JSON, XML and URLs can contain each other.
"""

import re
import unicodedata
from typing import Final

from wfreport.imports import lazy_pattern

_TERMINAL_SEQUENCE: Final = lazy_pattern(
    r"\x1b[\]PX^_][^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC, with their text
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"
    r"|\x1b(?:[ -/]{1,8}+[0-~]?|[0-Z\\\]^_c])?"
)
_INVISIBLE: Final = lazy_pattern(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS: Final = lazy_pattern("[\u200c\u200d\ufe00-\ufe0f]+")
"""Joiners and variation selectors. Emoji and several scripts need them, but never after ASCII."""

_CONTROL_TABLE: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


def strip_invisible(text: str) -> str:
    """Remove terminal sequences, control characters (except tab and line breaks) and zero-width characters."""
    if text.isascii():
        if text.isprintable():
            return text
        return (_TERMINAL_SEQUENCE.sub("", text) if "\x1b" in text else text).translate(_CONTROL_TABLE)
    plain = _TERMINAL_SEQUENCE.sub("", text) if "\x1b" in text or "\x9b" in text else text
    plain = _INVISIBLE.sub("", plain)
    return _JOINERS.sub(
        lambda match: "" if plain[max(0, match.start() - 1) : match.start()].isascii() else match[0], plain
    )


def _folds() -> dict[int, str]:
    """Map each character that looks like an ASCII one to it: full width, mathematical letters, spaces, quotes."""
    spaces = {*range(0x2000, 0x200B), 0xA0, 0x1680, 0x202F, 0x205F, 0x3000}
    folds = dict.fromkeys(spaces, " ") | {0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
    for code in (*range(0xFF01, 0xFF5F), *range(0x1D400, 0x1D800), *range(0x24B6, 0x24EA)):
        plain = unicodedata.normalize("NFKC", chr(code))
        if len(plain) == 1 and plain.isascii():
            folds[code] = plain
    look_alikes = (
        ("‘’‚‛′ʼ´", "'"), ("“”„‟″«»「」『』", '"'), ("∶꞉﹕：ː", ":"), ("﹦＝", "="),  # noqa: RUF001
        ("‐‑‒–—−﹣", "-"), ("﹍﹎﹏＿", "_"),  # noqa: RUF001
        ("аạ", "a"), ("сϲ", "c"), ("ԁ", "d"), ("еẹ", "e"), ("һ", "h"), ("іı", "i"), ("ј", "j"), ("κк", "k"),  # noqa: RUF001
        ("оοσ", "o"), ("рρ", "p"), ("ѕꜱ", "s"), ("т", "t"), ("ѡԝ", "w"), ("уγ", "y"), ("ո", "n"), ("ɡ", "g"),  # noqa: RUF001
    )  # fmt: skip
    return folds | {ord(char): plain for chars, plain in look_alikes for char in chars}


_FOLDS: Final = _folds()
_LAST_OF_FIRST_PLANE: Final = 0xFFFF
_FOLDED: Final = lazy_pattern(
    f"[{''.join(chr(code) for code in _FOLDS if code <= _LAST_OF_FIRST_PLANE)}\U0001d400-\U0001d7ff]"
)


def fold(text: str) -> str:
    """Replace characters that look like ASCII by it. The result has the same length."""
    return text if text.isascii() else _FOLDED.sub(lambda match: _FOLDS.get(ord(match[0]), match[0]), text)


_ESCAPED: Final = lazy_pattern(
    r"(?<!\\)\\++u00(?P<unicode>2[0-9a-fA-F]|[3-6][0-9a-fA-F]|7[0-9a-eA-E])"
    r"|%(?:25){0,3}+(?P<url>2[0-9a-fA-F]|[3-6][0-9a-fA-F]|7[0-9a-eA-E])"
    r"|&(?P<entity>quot|apos|lt|gt|amp|#3[49]|#6[02]|#x2[27]|#x3[ceCE]);"
    r"|(?:(?<!\\)\\++(?:u001b|u001B|x1b|x1B|033|e)|\^\[)\[[0-9;?]{0,16}+[A-Za-z]"
    r"|(?<!\\)\\++u(?:200[b-fB-F]|202[a-eA-E]|206[0-9a-fA-F]|[fF][eE][fF][fF]|00[aA][dD])"
)
_ESCAPES: Final = lazy_pattern(r"\\u|%[2-7]|&[#aglq]|\\x1|\\033|\\e\[|\^\[\[")


def unescape(text: str) -> str:
    """Decode punctuation that JSON, a URL or XML has escaped, and remove escaped terminal sequences."""
    return _ESCAPED.sub(_plain_character, text) if _ESCAPES.search(text) else text


def _plain_character(match: re.Match[str]) -> str:
    digits = match["unicode"] or match["url"]
    if digits:
        return chr(int(digits, 16))
    return _entity(match["entity"]) if match["entity"] else ""


def _entity(name: str) -> str:
    from html import unescape as unescape_html  # noqa: PLC0415 - its table of entities is rarely needed

    return unescape_html(f"&{name};")
