"""Finds secrets in documents that a program printed: XML, lists of names with values, Kubernetes Secrets."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from typing import Final

from wfreport.core.redact.detectors import Detector, Span, by_pattern
from wfreport.core.redact.expressions import is_member
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.words import STATE_WORDS, is_complaint, is_random, is_random_and_mixed, is_reference
from wfreport.imports import lazy_pattern

_NAME: Final = (
    r"(?:[\w.-]{0,64}?(?:password|passwd|passphrase|secret|token|credentials?|(?<![a-z])pass|pwd|pswd"
    r"|(?:api|access|private|secret|auth|account|signing|encryption|shared|client|master|license|fernet|ssh)[-_. ]?key"
    r"|connection[-_.]?string|sas[-_.]?url|webhook[-_.]?url|secret[-_.]?access[-_.]?key|\.?dockerconfigjson)"
    r"(?:[-_.]?(?:value|data|hash|text|base64|b64|\d{1,3}))?)"
)
"""The name of a secret, as a whole: ``DB_PASSWORD``, ``api-key``, not ``token_url``."""

_ELEMENT: Final = lazy_pattern(
    rf"<(?:[\w-]{{1,64}}:)?(?P<tag>{_NAME})(?:\s[^<>\n]{{0,200}})?>\s{{0,32}}(?:<!\[CDATA\[)?"
    rf"(?P<value>[^<\]\s][^<\]]{{0,4096}}?)"
    r"(?:\]\]>)?\s{0,32}</",
    re.IGNORECASE,
)
"""``<password>…</password>``. A placeholder such as ``<password>`` has no closing tag."""

_NAMED_ELEMENT: Final = lazy_pattern(
    rf"<(?:name|key|t[dh]|dt)>\s{{0,16}}{_NAME}\s{{0,16}}</(?:name|key|t[dh]|dt)>\s{{0,64}}<(?:value|string|data|td"
    rf"|dd)>\s{{0,16}}"
    rf"(?P<value>[^<\s][^<]{{0,4096}}?)\s{{0,16}}</",
    re.IGNORECASE,
)
"""``<name>fs.s3a.secret.key</name><value>…</value>``, as Hadoop and property lists have it."""

_NAMED_ATTRIBUTE: Final = lazy_pattern(
    rf"(?:name|key|id|type)\s{{0,4}}=\s{{0,4}}\\?[\"']{_NAME}\\?[\"']"
    rf"(?:\s{{1,32}}[\w:-]{{1,32}}=\\?[\"'][^\"'\n]{{0,200}}[\"']){{0,4}}"
    r"(?:\s{1,32}value\s{0,4}=\s{0,4}\\?[\"'](?P<value>[^\"'\n\\]{1,4096})"
    r"|\s{0,16}>\s{0,16}(?:<value>\s{0,16})?(?P<content>[^<>\s][^<>]{0,4096}?)\s{0,16}</)",
    re.IGNORECASE,
)
"""``<property name="password" value="…"/>``, ``<entry key="password">…</entry>``, ``<input type="password" …>``."""

_NAMED_VALUE: Final = lazy_pattern(
    rf"(?<![\w-])(?:name|key|parametername|variable|property|field"
    rf"|header)\\{{0,3}}[\"']?[ \t]{{0,8}}[:=]>?[ \t]{{0,8}}\\{{0,3}}[\"']?{_NAME}(?![\w.-])\\{{0,3}}[\"']?"
    r"[,;]?(?:[ \t]{0,8}(?:\r?\n|\\n)[ \t]{0,64})?[ \t]{0,8}[,;]?[ \t]{0,8}"
    r"\\{0,3}[\"':]?(?:value|parametervalue|val|secret|stringvalue|values)\\{0,3}[\"']?[ \t]{0,8}[:=]>?[ \t]{0,8}"
    r"(?:\[[ \t]{0,8})?(?:(?P<quote>\\{0,3}[\"'])(?P<quoted>[^\"'\n\\]{1,4096})"
    r"|(?P<bare>[^\s\"'{}\[\],][^\s\"',}\]]{0,4096}))",
    re.IGNORECASE,
)
"""``name: DB_PASSWORD`` and ``value: …``: environment variables of a pod or a task, parameters of a Workflow."""

_VALUE_BEFORE_NAME: Final = lazy_pattern(
    r"(?<![\w-])\\{0,3}[\"']?value\\{0,3}[\"']?[ \t]{0,4}[:=]>?[ \t]{0,4}\\{0,3}[\"']?"
    r"(?P<value>[^\s\"'{}\[\],\\]{3,4096})\\{0,3}[\"']?,?"
    r"(?:[ \t]{0,8}\r?\n)?[ \t]{0,64}\\{0,3}[\"']?(?:name|key)\\{0,3}[\"']?[ \t]{0,4}[:=]>?[ \t]{0,4}\\{0,3}[\"']?"
    rf"{_NAME}(?![\w.-])",
    re.IGNORECASE,
)
"""The same with the value first, as a serializer that sorts backwards writes it."""

_BLOCK: Final = lazy_pattern(
    rf"(?<![\w-]){_NAME}[\"']?:[ \t]{{0,8}}[|>][-+0-9]{{0,2}}[ \t]{{0,8}}\r?\n"
    r"(?P<indent>[ \t]{1,64})(?P<value>\S[^\n]{0,4096}(?:\n(?P=indent)[^\n]{1,4096}){0,64})",
    re.IGNORECASE,
)
"""A block of YAML: ``password: |`` and the lines below."""

_NEXT_LINE: Final = lazy_pattern(
    rf"(?:^|\n)[ \t-]{{0,64}}[\"']?{_NAME}[\"']?[ \t]{{0,4}}:[ \t]{{0,8}}\r?\n[ \t]{{1,64}}"
    r"[\"']?(?P<value>[^\s:#\"'-][^\s:\"']{3,4096})[\"']?,?[ \t]{0,8}(?:\r?\n|$)",
    re.IGNORECASE,
)

_PAIR: Final = lazy_pattern(
    rf"(?<!lookup)[\[({{][ \t]{{0,4}}b?[\"']{_NAME}[\"'][ \t]{{0,4}},[ \t]{{0,4}}"
    r"b?[\"'](?P<value>[^\"'\n]{4,4096})[\"'][ \t]{0,4}[\])}]",
    re.IGNORECASE,
)
"""``('password', '…')``: an item of a dictionary, a header, a pair of lists."""

_COMMA_PAIR: Final = lazy_pattern(
    rf"(?:(?<=[(\[])|(?<=: )|(?<![^\n])){_NAME},[ \t]{{0,2}}(?P<value>[^\s,\"'()\[\]]{{6,4096}})"
    rf"(?=[ \t]{{0,4}}(?:[)\]]|\r?\n|$))",
    re.IGNORECASE,
)
"""``(spark.hadoop.fs.s3a.secret.key,…)``, ``configuration property: keystore-password, …``"""

_LIST: Final = lazy_pattern(
    rf"[\"']{_NAME}[\"']\s{{0,8}}:\s{{0,8}}\[\s{{0,64}}[\"'](?P<value>[^\"'\n]{{4,4096}})[\"']\s{{0,64}}[\],]",
    re.IGNORECASE,
)
"""``"password": ["…"]``: the first item of a list."""

_PLURAL: Final = lazy_pattern(
    r"(?<![A-Za-z])(?P<name>passwords|passwds|passphrases|secrets|tokens|api_?keys|credentials)(?:[ \t](?:tried|used"
    r"|are))?[\"']?"
    r"[ \t]{0,4}[:=][ \t]{0,4}(?P<items>[\[({]?(?:[\"']?[^\s\"',\[\](){}:]{6,4096}[\"']?,?[ \t]{0,4}){1,64})",
    re.IGNORECASE,
)
"""``"passwords": ["…", "…"]``"""

_ITEM: Final = lazy_pattern(r"[^\s\"',\[\](){}]{6,4096}")
_NAMED_ITEM: Final = lazy_pattern(r"[A-Za-z_][\w.-]{0,64}=")
"""A pair after a list without brackets: ``tokens=812, prompt_tokens=64``. Other detectors judge it by its name."""

_LONG_TOKEN: Final = 16

_NESTED_VALUE: Final = lazy_pattern(
    rf"(?<![\w-]){_NAME}(?![\w.-])[\"']?\s{{0,4}}[:=]>?\s{{0,4}}(?:\{{\s{{0,32}}|\r?\n[ \t]{{1,32}})"
    r"[\"']?(?:value|plain_?text|raw|current)[\"']?\s{0,4}[:=]>?\s{0,4}(?:[\"'](?P<quoted>[^\"'\n]{3,4096})[\"']"
    r"|(?P<bare>[^\s\"'{}\[\],]{3,4096}))",
    re.IGNORECASE,
)
"""``"password": {"value": "…"}``."""

_SECRET_TYPE: Final = lazy_pattern(
    r"(?<!\w)Secret(?:Str|String|Value|Bytes|Text)\(b?[\"'](?P<value>[^\"'\n]{3,4096})[\"']\)"
)
"""``SecretStr('…')``: the representation of a type for secrets that does not hide them."""

_TYPED: Final = lazy_pattern(
    rf"(?<![\w-]){_NAME}[ \t]{{0,4}}:[ \t]{{0,4}}(?:Optional\[)?(?:str|string|String|bytes|Any|SecretStr)\]?"
    rf"(?:[ \t]{{0,2}}\|[ \t]{{0,2}}None)?"
    r"[ \t]{0,4}=[ \t]{0,4}[bf]?[\"'`](?P<value>[^\"'`\n]{3,4096})[\"'`]",
    re.IGNORECASE,
)
"""``password: str = '…'``"""

_USER_AND_PASSWORD: Final = lazy_pattern(
    r"(?<![A-Za-z])(?:user[._-]?(?:info|pwd|pass)|(?:basic|http|proxy)[._-]?auth)\\{0,3}[\"']?[ \t]{0,4}(?:[:=]"
    r"|=>)[ \t]{0,4}\\{0,3}[\"']?"
    r"[\w.@+-]{1,64}:(?P<value>[^\s\"'\\,;]{5,256})",
    re.IGNORECASE,
)
"""``basic.auth.user.info=user:…``"""


_DUMPED: Final = lazy_pattern(
    rf"[\[\"']{_NAME}[\"']?(?::[\w\\\"]{{1,64}})?(?::private|:protected)?\]?\s{{0,4}}=>\s{{0,16}}"
    r"(?:string\(\d{1,6}\)\s\"(?P<value>[^\"\n]{1,4096})\"|(?<=\] => )(?P<bare>[^\s\"'(\[{][^\n]{2,4096}))",
    re.IGNORECASE,
)
"""``["password"]=> string(7) "…"``, as PHP's ``var_dump`` writes it, or ``print_r``."""

_VARIABLE: Final = lazy_pattern(
    rf"variable\s{{1,4}}\"{_NAME}\"\s{{0,4}}\{{[^}}]{{0,400}}?default\s{{0,8}}=\s{{0,8}}\""
    rf"(?P<value>[^\"\n]{{3,256}})\"",
    re.IGNORECASE,
)
"""A variable of Terraform with its default."""

_STRING: Final = r"[\"'][^\"'\n]{0,200}[\"']"
_FIELDS: Final = rf"(?:\s{{0,64}}{_STRING}\s{{0,4}}:\s{{0,4}}(?:{_STRING}|\w{{1,32}})\s{{0,64}},){{0,4}}\s{{0,64}}"
_MARKED: Final = lazy_pattern(
    rf"[\"']sensitive[\"']\s{{0,4}}:\s{{0,4}}true\s{{0,64}},{_FIELDS}[\"']value[\"']\s{{0,4}}:\s{{0,4}}"
    r"[\"'](?P<value>[^\"'\n]{1,4096})[\"']"
)
_MARKED_AFTER: Final = lazy_pattern(
    r"[\"']value[\"']\s{0,4}:\s{0,4}[\"'](?P<value>[^\"'\n]{1,4096})[\"']\s{0,64},"
    rf"{_FIELDS}[\"']sensitive[\"']\s{{0,4}}:\s{{0,4}}true\b"
)
"""``{"sensitive": true, "type": "string", "value": "…"}``: an output of Terraform, in both orders."""

_CHANGED: Final = lazy_pattern(
    rf"(?<![\w.-]){_NAME}[ \t]{{0,32}}=[ \t]{{1,4}}(?:\"[^\"\n]{{0,4096}}\"|null)[ \t]{{1,4}}->[ \t]{{1,4}}"
    r"\"(?P<value>[^\"\n]{3,4096})\"",
    re.IGNORECASE,
)
"""The new value in a plan of Terraform."""

_FORM: Final = lazy_pattern(
    rf"name=\"{_NAME}\"(?:\r?\n[^\n]{{1,200}})?(?:\r?\n){{2}}(?P<value>[^\r\n-][^\r\n]{{0,4096}})", re.IGNORECASE
)
"""A field of ``multipart/form-data``."""


_LOGIC: Final = frozenset({"0", "1"})


def _values(pattern: re.Pattern[str], *hints: str) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        # not outside: that would compile the pattern at the import
        groups = [group for group in ("value", "content", "quoted", "bare") if group in pattern.groupindex]
        for match in pattern.finditer(text):
            group = next(name for name in groups if match[name] is not None)
            value = match[group].strip()
            # without its full stop, a sentence may be a passphrase
            is_message = is_complaint(value) and value.endswith(".")
            harmless = is_placeholder(value) or is_reference(value) or is_message
            # a list of names: ["token", "expiry"]
            harmless = harmless or (match[0][0] in "[{" and value.replace("_", "").isalpha()) or value in _LOGIC
            if not harmless and value.lower() not in STATE_WORDS:
                yield match.span(group)

    return Detector(hints, spans)


_NAME_OF_VARIABLE: Final = lazy_pattern(r"_[\w.]{1,128}|[A-Z]{1,32}(?:_[A-Z0-9]{1,32}){1,8}")


def _comma_pairs(text: str) -> Iterator[Span]:
    for match in _COMMA_PAIR.finditer(text):
        is_setting = any(mark in match[0].partition(",")[0] for mark in "._-")
        is_name = is_member(match["value"]) or _NAME_OF_VARIABLE.fullmatch(match["value"])
        if is_setting and not is_name and is_random_and_mixed(match["value"], 6):
            yield match.span("value")


def _lists_of_secrets(text: str) -> Iterator[Span]:
    for match in _PLURAL.finditer(text):
        at_least = 6 if match["name"][:4].lower() == "pass" else _LONG_TOKEN
        for item in _ITEM.finditer(text, *match.span("items")):
            if is_random_and_mixed(item[0], at_least) and not _NAMED_ITEM.match(item[0]):
                yield item.span()


_KIND: Final = lazy_pattern(r"(?<![\w.-])kind\\{0,3}[\"']?[ \t]{0,4}:[ \t]{0,4}\\{0,3}[\"']?(?P<kind>[A-Za-z]{1,64})")
_DATA: Final = lazy_pattern(r"(?<![\w.-])(?P<plain>stringD|d)ata\\{0,3}[\"']?[ \t]{0,4}:[ \t]{0,4}(?P<open>\{|map\[)?")
_ENTRY: Final = lazy_pattern(
    r"[\w.-]{1,253}\\{0,3}[\"']?[ \t]{0,4}:[ \t]{0,4}\\{0,3}[\"']?(?P<value>[^\s\"'\\,}\]{|>][^\s\"'\\,}\]]*)"
)
_BASE64: Final = lazy_pattern(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_SEALED: Final = lazy_pattern(r"ENC\[[A-Z0-9_]{2,16},[^\]\n]{1,65536}\]")
"""A value that SOPS has encrypted. It consists of several."""

_DATA_LENGTH: Final = 64 * 1024


def _secret_data(text: str) -> Iterator[Span]:
    """Yield the values below ``data`` and ``stringData`` of Secrets. In YAML and JSON ``kind`` can follow them."""
    text = _SEALED.sub(lambda sealed: " " * len(sealed[0]), text)
    kinds = list(_KIND.finditer(text))
    position = 0
    while (data := _DATA.search(text, position)) is not None:
        end = _end_of_map(text, data)
        position = max(end, data.end())
        if _kind_of(kinds, data, end) == "Secret":
            for entry in _ENTRY.finditer(text, data.end(), end):
                value = entry["value"]
                if (
                    (data["plain"] != "d" or _BASE64.fullmatch(value))
                    and not is_placeholder(value)
                    and value[:2] != "//"
                ):
                    yield entry.span("value")


def _end_of_map(text: str, data: re.Match[str]) -> int:
    """Return the end of the map: its closing bracket, or the first line that is indented no more than its key."""
    limit = min(len(text), data.end() + _DATA_LENGTH)
    if data["open"]:
        end = text.find("]" if data["open"] == "map[" else "}", data.end(), limit)
        return limit if end < 0 else end
    line_start = text.rfind("\n", 0, data.start()) + 1
    indent = data.start() - line_start
    position = text.find("\n", data.end(), limit)
    while 0 <= position < limit - 1:
        stop = text.find("\n", position + 1, limit)
        line = text[position + 1 : stop if stop >= 0 else limit]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            return position
        position = stop
    return limit if position < 0 else position


def _kind_of(kinds: list[re.Match[str]], data: re.Match[str], end: int) -> str:
    """Return the kind of the object that the data belongs to: the one right after it, else the last one before it."""
    index = bisect_left(kinds, end, key=lambda kind: kind.start())
    if index < len(kinds):
        between = data.string[end : min(kinds[index].start(), end + _NEAR_CHARACTERS + 1)]
        if len(between) <= _NEAR_CHARACTERS and "---" not in between:
            return kinds[index]["kind"]
    index = bisect_left(kinds, data.start(), key=lambda kind: kind.start())
    return kinds[index - 1]["kind"] if index else ""


_NEAR_CHARACTERS: Final = 24

_NAME_HINT: Final = "(?:pass|pwd|pswd|secret|token|credential|key|connection|sas|webhook|dockerconfig)"

DETECTORS: Final[tuple[Detector, ...]] = (
    _values(_ELEMENT, rf"(?i)<[\w.:-]*{_NAME_HINT}"),
    _values(_NAMED_ELEMENT, r"(?i)<(?:name|key|t[dh]|dt)>\s*[\w. -]*" + _NAME_HINT),
    _values(_NAMED_ATTRIBUTE, r"(?i)(?:name|key|id|type)\s?=\s?\\?[\"'][\w.-]*" + _NAME_HINT),
    _values(_NAMED_VALUE, r"(?i)(?:value|val|values)[\\\"']*[ \t]*[:=]"),
    _values(_VALUE_BEFORE_NAME, r"(?i)value[\\\"']*[ \t]*[:=]"),
    _values(_BLOCK, r"(?i)" + _NAME_HINT + r"[\w.-]*[\"']?:[ \t]*[|>]"),
    _values(_NEXT_LINE, r"(?i)" + _NAME_HINT + r"[\w.-]*[\"']?[ \t]*:[ \t]*\r?\n"),
    _values(_PAIR, r"(?i)[\[({][ \t]*b?[\"'][\w.-]*" + _NAME_HINT),
    Detector((r"(?i)" + _NAME_HINT + r"\w*,[ \t]*[^\s,\"']",), _comma_pairs),
    _values(_LIST, r"(?i)" + _NAME_HINT + r"[\w.-]*[\"']\s*:\s*\["),
    Detector(
        (r"(?i)(?:password|passwd|passphrase|secret|token|key|credential)s(?: tried| used| are)?[\"']?[ \t]*[:=]",),
        _lists_of_secrets,
    ),
    _values(_NESTED_VALUE, "(?i)[\"' \t{](?:value|plain_?text|raw|current)[\"']?\\s*[:=]"),
    _values(_SECRET_TYPE, r"Secret(?:Str|String|Value|Bytes|Text)\("),
    _values(_TYPED, r"(?::[ \t]*|\[)(?:str|string|String|bytes|Any|SecretStr)[^\n=]*=[ \t]*[bf]?[\"'`]"),
    by_pattern(
        _USER_AND_PASSWORD,
        r"(?i)(?:info|pwd|pass|auth)[\\\"']*[ \t]*(?:[:=]|=>)[ \t\\\"']*[\w.@+-]+:[^\s\"'\\]",
        group="value",
        accept=partial(is_random, at_least=5),
    ),
    _values(_DUMPED, r"=>\s*string\(", r":(?:private|protected)"),
    _values(_VARIABLE, r"(?i)variable\s+\"[\w.-]*" + _NAME_HINT),
    _values(_MARKED, r"[\"']sensitive[\"']\s*:\s*true"),
    _values(_MARKED_AFTER, r"[\"']sensitive[\"']\s*:\s*true"),
    by_pattern(_CHANGED, r"(?:\"|null) +-> +\"", group="value", accept=partial(is_random, at_least=6)),
    _values(_FORM, r"(?i)name=\"[\w.-]*" + _NAME_HINT),
    Detector((r"kind[\\\"']*[ \t]*:[ \t]*[\\\"']*Secret\b",), _secret_data),
)
