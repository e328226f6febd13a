"""Tells code from values: types, calls, subscripts and names of variables, as compilers and stack traces show them."""

from typing import Final

from wfreport.imports import lazy_pattern

_NAME: Final = (
    r"(?>[A-Za-z_]{1,64}(?:(?:(?<=[a-zA-Z])(?:8|16|32|64|128|256|512)|(?<=x)509|(?<=[Ee]d)25519|(?<=[Oo][Aa]uth)2"
    r"|(?<=sha)1|(?<=md)5|(?<=s)3|(?<=[vV])[1-9]|(?<=k)8s)[A-Za-z_]{0,64})?)(?![0-9])"
)
"""A name in code. Its digits are those of an encoding, a standard or a version, and a password has any of them."""

_PATH: Final = rf"(?>{_NAME}(?:(?:\.|::|->|\?\.){_NAME}){{0,12}})"
_NUMBER: Final = r"(?<=[=,\[:+-])\d{1,9}(?![0-9A-Za-z])"
_INSIDE: Final = rf"(?>{_PATH}(?:\(\d{{1,9}}(?![0-9A-Za-z]))?|{_NUMBER}|[.,=*:&+\[\](){{}}|-])"
_EXPRESSION: Final = lazy_pattern(
    rf"[&*(\[!$-]{{0,3}}{_PATH}\)?(?=[(\[{{])(?>(?:\{{(?:{_NAME}:?)?\}}?){{0,4}})(?>(?:[(\[](?:{_INSIDE}){{0,160}})?)"
)
"""A call, a subscript or a literal of a type: ``results[``, ``token[:-1]``, ``group(Whitespace``, ``&v1.Secret{``."""

_TYPE: Final = lazy_pattern(
    rf"[&*]{{0,2}}(?:'[a-z]{{1,16}}[ ])?(?:dyn[ ])?{_PATH}[<\[](?>{_PATH}|[&*'?, |<>\[\]().:-]|{_NUMBER}){{0,40}}"
)
"""A type with parameters: ``Option<String>``, ``list[tuple[Token``."""

_MEMBER: Final = lazy_pattern(rf"[&*$]{{0,2}}{_NAME}(?:(?:\.|::|->){_NAME}){{1,12}}")
_VARIABLE: Final = lazy_pattern(
    r"[&*]?(?:_{0,2}[a-z]{1,32}(?:_[a-z]{1,32}){1,8}_{0,2}|_{1,2}[a-z]{1,32}|(?<=&)[a-z]{1,32}|[A-Z]{1,32}(?:_[A-Z]{1,32}){1,8}"
    r"|[a-z]{1,32}(?:[A-Z][a-z]{1,32}){1,8}|(?:[A-Z][a-z]{1,32}){2,8})"
)
_CLASS: Final = lazy_pattern(r"(?>[A-Z]{1,8}[a-z]{0,32}){2,8}|[A-Z]{1,8}\d(?>[A-Z]{1,8}[a-z]{1,32}){1,8}")
_WORD_OF_CLASS: Final = lazy_pattern(r"[A-Z]{1,8}(?![a-z])|[A-Z][a-z]{1,32}")
_LETTERS_OF_A_WORD: Final = 3.5
"""A generated value of letters has fewer on average."""

_REGULAR_EXPRESSION: Final = lazy_pattern(
    r"\[\^?(?:a-z|A-Z|0-9|\\w)|\(\?(?:[:=!]|P<|<[=!])|\\[wdsSWDb][+*{)\]]|\[\^[^\]]{1,8}\]|\.[*+]\??[)$]|\[[A-Za-z]{1,26}\][*+]"
)
_BRACKETS: Final = frozenset("([{<")


def is_expression(value: str) -> bool:
    """Return whether a value is a call, a subscript, or a type: no literal."""
    return not _BRACKETS.isdisjoint(value) and (
        _EXPRESSION.fullmatch(value) is not None or _TYPE.fullmatch(value) is not None
    )


def is_member(value: str) -> bool:
    """Return whether a value is a name in code with dots: ``credential.AccessKeySecret``. A password can be, too."""
    return _MEMBER.fullmatch(value) is not None


def is_variable(value: str) -> bool:
    """Return whether a value is a name in code of several words, without digits: ``token_updater``, ``AUTH_HEADER``."""
    return _VARIABLE.fullmatch(value) is not None


def is_class(value: str) -> bool:
    """Return whether a value is the name of a class: ``TokenCredential``, ``PKCS7PrivateKeyTypes``."""
    words = len(_WORD_OF_CLASS.findall(value))
    return _CLASS.fullmatch(value) is not None and len(value) >= _LETTERS_OF_A_WORD * words


def is_regular_expression(value: str) -> bool:
    """Return whether a value is a pattern: ``[a-z]+``."""
    return _REGULAR_EXPRESSION.search(value) is not None
