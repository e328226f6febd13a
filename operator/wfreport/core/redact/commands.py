"""Finds secrets in command lines: flags that name them, and flags that only their program explains."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.words import STATE_WORDS, is_placeholder, is_random, is_reference, words
from wfreport.imports import lazy_pattern

_FLAG: Final = lazy_pattern(
    r"(?<![\w-])--?[\w-]{0,40}?"
    r"(?:password|passwd|passphrase|token|secret|(?:api|access|secret|private|auth|account|signing"
    r"|encryption)[-_]?key|pass|pwd|pw"
    r"|credentials?|creds|secret-access-key|passwort)"
    r"(?:[ \t]{1,8}|[\"'][ \t]{0,3},[ \t]{0,3}(?=[\"']))(?P<value>\"[^\"\n]*|'[^'\n]*|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_FLAG_WORDS: Final = STATE_WORDS | words(
    """
    is must not or and was flag option required to for cannot with in requires should needs has needed missing
    are can may will argument of as if instead but the a an also only when from flags string value arg int bool file
    deprecated use via by specified given use
    """
)
_SUBJECTS: Final = words("test tests testing support parsing handling auth authentication")
_BEFORE_SUBJECT: Final = lazy_pattern(
    r"(?:^|[\s`(])(?:[a-z]{2,20}ing|add|remove|fix|the|a|an|for|of|with|to|on|by|from|new|missing)[ \t]+`?$",
    re.IGNORECASE,
)
"""The word before a flag that a sentence is about: ``skip running --token testing``."""

_HELP_START: Final = lazy_pattern(r"(?:-\w,?[ \t]{1,4})?")
_DESCRIPTION: Final = lazy_pattern(
    r"(?:[A-Za-z][a-z]{0,20}|[A-Z]{1,8})(?:[ ]['(<]?[A-Za-z][A-Za-z'/-]{0,20}[)>',:;.]{0,2}){2}(?![^\s])"
)
_BEFORE_CHARACTERS: Final = 48
_LINE_CHARACTERS: Final = 256
_FILE: Final = lazy_pattern(r"(?:file:|env:|fd:|@|/|\./|~/)\S*", re.IGNORECASE)
_VALUE: Final = r"(?P<value>\"[^\"\n]+|'[^'\n]+|[^\s\"'`,\]|;)>-][^\s\"'`|;]*)"


_BUILD_SECRET: Final = lazy_pattern(
    r"--secret[ \t]{1,8}[\"']?(?:type=|source=|src=|id=(?P<more>[\w.-]{1,64},(?:src|source|env|target|type)=)?)"
)
"""``docker build --secret id=npm,src=…`` names the secret."""


def _is_build_secret(flag: re.Match[str]) -> bool:
    match = _BUILD_SECRET.match(flag.string, flag.start() + len(flag[0]) - len(flag[0].lstrip()))
    before = flag.string[max(0, flag.start() - _LINE_CHARACTERS) : flag.start()].rpartition("\n")[2]
    return match is not None and (match["more"] is not None or "build" in before)


def _flag_values(text: str) -> Iterator[Span]:
    for match in _FLAG.finditer(text):
        if not _is_described(match) and not _is_subject(match) and not _is_build_secret(match):
            yield from _secret_value(match)


def _is_described(flag: re.Match[str]) -> bool:
    """Whether a help text lists the flag: it begins the line, and two blanks and a sentence follow."""
    start = flag.start("value")
    return (
        flag.string[start - 2 : start].isspace()
        and _HELP_START.fullmatch(_line_before(flag).lstrip()) is not None
        and _DESCRIPTION.match(flag.string, start) is not None
    )


def _is_subject(flag: re.Match[str]) -> bool:
    """Whether a sentence is about the flag, and not a command that has it."""
    return (
        flag["value"].lower().rstrip(".,;:)`") in _SUBJECTS and _BEFORE_SUBJECT.search(_line_before(flag)) is not None
    )


def _line_before(flag: re.Match[str]) -> str:
    """Return what precedes a flag on its line, or the last characters of it."""
    start = flag.start()
    return flag.string[max(0, start - _BEFORE_CHARACTERS) : start].rpartition("\n")[2]


def _secret_value(match: re.Match[str]) -> Iterator[Span]:
    value = match["value"].lstrip("\"'")
    word = value.lower().rstrip(".,;:")
    harmless = is_placeholder(value) or is_reference(value.rstrip("])")) or _FILE.fullmatch(value)
    if value and word not in _FLAG_WORDS and not harmless:
        yield match.end("value") - len(value), match.end("value")


class Program(Struct, frozen=True):
    """Programs, and how their command lines contain secrets.

    Attributes:
        names: an expression for the programs.
        secret: an expression for the flag, with the group ``value``.
        subcommand: an expression that the rest of the line must contain.
        min_random: if given, only values of this length that do not resemble words are secrets.
    """

    names: str
    secret: str
    subcommand: str = ""
    min_random: int = 0


_FLAG_START: Final = r"(?<![^\s\"'=,\[(])"
_GAP: Final = r"(?:[ \t]*[ =][ \t]*|[\"'][ \t]*,[ \t]*(?=[\"']))"
_USER_COLON: Final = r"[\"']?[^\s:\"'/]{0,100}:(?P<value>[^\s\"'\[@][^\s\"']*)"

PROGRAMS: Final = (
    Program(
        r"(?:mysql|mariadb)(?:dump|admin|import|show|check|slap|binlog|pump|sh|-\w{1,16})?|mycli|7z[az]?",
        rf"{_FLAG_START}-p(?P<value>[\"']?[^\s\"'`,\]]+)",
    ),
    Program(
        r"sshpass|mongo(?:sh|dump|restore|export|import)?|cqlsh|twine|beeline", rf"{_FLAG_START}-p(?:{_GAP})?{_VALUE}"
    ),
    Program(
        r"oc|az|crane|oras|skopeo|buildah|helm|docker|podman|nerdctl|regctl|img|cosign|cf|ibmcloud",
        rf"{_FLAG_START}-p(?:{_GAP})?{_VALUE}",
        subcommand=r"\blogin\b",
    ),
    Program(r"redis-cli|valkey-cli|keydb-cli", rf"{_FLAG_START}-a(?:{_GAP})?{_VALUE}"),
    Program(r"ldap(?:search|add|modify|delete|passwd|whoami|modrdn|compare)", rf"{_FLAG_START}-w(?:{_GAP})?{_VALUE}"),
    Program(r"ldappasswd", rf"{_FLAG_START}-[sa](?:{_GAP})?{_VALUE}"),
    Program(
        r"sqlcmd|bcp|tsql|freebcp|zip|unzip|ipmitool|mosquitto_(?:pub|sub)|ssh-keygen|mssql-cli",
        rf"{_FLAG_START}-[PN](?:{_GAP})?{_VALUE}",
    ),
    Program(r"plink|pscp|psftp|putty|winscp", rf"{_FLAG_START}-pw{_GAP}{_VALUE}"),
    Program(r"snmp(?:walk|get|set|bulkwalk|trap|table)", rf"{_FLAG_START}-[AX](?:{_GAP})?{_VALUE}"),
    Program(
        r"openssl",
        rf"{_FLAG_START}-(?:pass(?:in|out)?{_GAP}[\"']?pass:|[kK][ \t]+)(?P<value>[^\s\"'-][^\s\"']*)",
    ),
    Program(r"keytool|jarsigner|apksigner", rf"{_FLAG_START}-(?:src|dest)?(?:store|key)pass{_GAP}(?:pass:)?{_VALUE}"),
    Program(r"curl|wget|etcdctl", rf"{_FLAG_START}(?:-[a-zA-Z#0-9]{{0,12}}[uU]|--(?:proxy-)?user){_GAP}?{_USER_COLON}"),
    Program(r"https?|xhs?|ab|hey|wrk|siege|vegeta|lynx", rf"{_FLAG_START}(?:-[aA]|--?auth){_GAP}?{_USER_COLON}"),
    Program(
        r"skopeo|buildah|podman|crane|oras|crictl",
        rf"{_FLAG_START}--(?:src-|dest-)?creds{_GAP}[\"']?[^\s:\"']{{1,100}}:(?P<value>[^\s\"']+)",
    ),
    Program(
        r"smbclient|mount\.cifs|rpcclient|net|smbget|wmic|winexe",
        rf"{_FLAG_START}(?:-U{_GAP}?|--user[ =])[\"']?[^\s%\"']{{1,100}}%(?P<value>[^\s\"']+)",
    ),
    Program(r"lftp|ncftp\w{0,8}", rf"{_FLAG_START}-u{_GAP}?[\"']?[^\s,\"']{{1,100}},(?P<value>[^\s\"']+)"),
    Program(r"htpasswd", rf"-[a-zA-Z]{{0,8}}b[a-zA-Z]{{0,8}}\s+\S{{1,200}}\s+\S{{1,100}}\s+{_VALUE}"),
    Program(
        r"mc",
        rf"(?:set|add)\s+\S{{1,64}}\s+[\"']?https?://\S{{1,200}}\s+\S{{3,128}}\s+{_VALUE}",
        subcommand="alias|config",
    ),
    Program(r"rabbitmqctl", rf"(?:add_user|change_password|authenticate_user)\s+\S{{1,100}}\s+{_VALUE}"),
    Program(r"aws", rf"(?:secret_access_key|session_token)\s+{_VALUE}", subcommand="configure"),
    Program(r"npm|yarn|pnpm", rf"(?:_auth(?:Token)?|_password|npmAuthToken)(?:=|\s+){_VALUE}"),
    Program(r"vault|bao", rf"\s(?:login|unseal|unwrap|lookup|renew|revoke)\s+{_VALUE}", min_random=12),
    Program(
        r"kubectl|oc", rf"{_FLAG_START}--from-literal[= ][\"']?[\w.-]{{1,128}}={_VALUE}", subcommand=r"create\s+secret"
    ),
    Program(
        r"wandb|cargo|railway|netlify|vercel|surge|fly|flyctl|huggingface-cli|hf|clearml|comet|expo|eas|pulumi"
        r"|tailscale|snyk|ngrok|heroku",
        rf"\s(?:login|auth|authtoken|add-authtoken|auth:token)\s+(?:--relogin\s+)?{_VALUE}",
        min_random=20,
    ),
    Program(
        r"poetry", rf"\s(?:pypi-token\.\S{{1,64}}|http-basic\.\S{{1,64}}\s+\S{{1,100}})\s+{_VALUE}", subcommand="config"
    ),
    Program(
        r"composer",
        rf"\s(?:http-basic\.\S{{1,128}}\s+\S{{1,100}}|[\w-]{{1,32}}-(?:oauth|token)\.\S{{1,128}})\s+{_VALUE}",
        subcommand="config",
    ),
    Program(r"(?:dotnet\s+)?nuget|choco|codecov|infracost", rf"{_FLAG_START}-[kt]{_GAP}{_VALUE}", min_random=16),
    Program(r"pulumi", rf"\s--secret\s+\S{{1,128}}\s+{_VALUE}", subcommand="config"),
    Program(
        r"curl", rf"{_FLAG_START}(?:-[a-zA-Z#]{{0,12}}b|--cookie){_GAP}?[\"']?[\w.-]{{1,64}}={_VALUE}", min_random=8
    ),
    Program(r"[wx]freerdp|rdesktop|mstsc", rf"\s/p:{_VALUE}"),
    Program(r"security", rf"{_FLAG_START}-w{_GAP}{_VALUE}", subcommand="add-(?:generic|internet)-password"),
    Program(r"nmcli", rf"\spassword\s+{_VALUE}"),
    Program(r"gh|glab", rf"{_FLAG_START}(?:-[bv]|--body|--value){_GAP}{_VALUE}", subcommand=r"secret\s+set"),
    Program(r"cryptsetup|gpg2?|docker|podman|helm|passwd|ssh-add|kinit|su", rf"<<<\s{{0,4}}{_VALUE}"),
    Program(
        r"sed",
        r"(?<![\w])s(?P<by>[/|#,])[^/|#,\s]{0,64}(?:PASSWORD|PASS|SECRET|TOKEN|KEY|password|secret|token)[^/"
        r"|#,\s]{0,32}(?P=by)"
        r"(?P<value>[^/|#,\n]{3,256})(?P=by)",
        min_random=6,
    ),
    Program(r"mysqladmin", rf"\spassword\s+{_VALUE}"),
    Program(r"sudo", rf"<<<\s{{0,4}}{_VALUE}", subcommand=r"\s-\w*S"),
    Program(
        r"echo|printf",
        r"\s{1,8}(?:-n\s{1,8})?[\"']?(?:[\w.-]{1,64}:)?(?P<value>[^\s\"'|:][^\s\"'|]*)[\"']?\s{0,8}\|",
        subcommand=r"--password-stdin|--pass(?:phrase)?-(?:stdin|fd)|sudo\s+-\w*S|--stdin|--with-token|chpasswd|cryptsetup|\|\s*(?:kinit|passwd|ssh-add|gpg)\b",
    ),
    Program(
        r"restic|borg|rclone|kopia", rf"{_FLAG_START}--pass(?:word)?-command{_GAP}[\"']?(?:echo|printf)\s+{_VALUE}"
    ),
    Program(r"net(?:\.exe)?", rf"\s(?:user\s+\w{{1,64}}|use\s+\\\\\S{{1,200}})\s+(?!/){_VALUE}"),
    Program(r"ConvertTo-SecureString", rf"\s+(?:-String\s+)?{_VALUE}"),
    Program(r"useradd|usermod", rf"{_FLAG_START}-p{_GAP}{_VALUE}"),
)


def _detector(program: Program) -> Detector:
    line = lazy_pattern(rf"(?<![\w.-])(?:{program.names})(?P<rest>(?=[\s\"',])[^\n]*)")
    secret = lazy_pattern(program.secret)
    subcommand = lazy_pattern(program.subcommand)

    def spans(text: str) -> Iterator[Span]:
        for match in line.finditer(text):
            start, end = match.span("rest")
            if subcommand.search(text, start, end):
                for found in secret.finditer(text, start, end):
                    if not program.min_random or is_random(found["value"], program.min_random):
                        yield from _secret_value(found)

    return Detector((rf"\b(?:{program.names})[\s\"',]",), spans)


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector((r"(?i)-[\w-]*(?:pass|token|secret|key|pwd|pw|cred)[\w-]*(?:[ \t]|[\"'][ \t]*,)",), _flag_values),
    *(_detector(program) for program in PROGRAMS),
)
