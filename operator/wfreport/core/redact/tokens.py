"""Finds tokens by their own shape, which each provider defines.

Many shapes come from detect-secrets (``provider_patterns``). Those that it lacks, or matches only in part, are a table
here.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from wfreport.core.redact.detectors import WORD_START, Detector, Span, by_pattern
from wfreport.imports import lazy_pattern

_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws": ("(?:AKIA|ASIA|ABIA|ACCA|A3T)[A-Z0-9]{12}",),
    "discord": (r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27}",),
    "github": ("gh[pousr]_",),
    "gitlab": ("gl[a-z]{1,8}-", "GR1348941"),
    "mailchimp": ("-us[0-9]",),
    "openai": ("T3BlbkFJ",),
    "pypi": ("pypi-",),
    "sendgrid": (r"SG\.",),
    "slack": ("xox", r"hooks\.slack\.com"),
    "square": ("sq0csp-",),
    "stripe": ("k_live_",),
    "telegram": (r"[0-9]{8}:[\w-]{35}",),
    "twilio": ("(?:AC|SK)[a-z0-9]{32}",),
}
"""The hints of each provider whose tokens detect-secrets finds."""

_SHAPES: Final[tuple[tuple[str, str], ...]] = (
    # source code and packages
    ("github_pat_", r"[A-Za-z0-9_]{22,}"),
    ("gl(?:pat|dt|ft|ffct|soat|rt|rtr|cbt|ptt|agent|oas|imt|wt)-", r"[\w.-]{20,}"),
    ("ATATT3", r"[\w=-]{20,}"),  # Atlassian
    ("ATCTT3", r"[\w=-]{20,}"),
    ("ATBB", r"[A-Za-z0-9]{24,}"),  # Bitbucket
    ("npm_", r"[A-Za-z0-9]{36,}"),
    ("rubygems_", r"[0-9a-f]{32,}"),
    ("cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])"),  # crates.io
    ("oy2", r"[a-z0-9]{43}(?![a-z0-9])"),  # NuGet
    ("CLOJARS_", r"[0-9a-z]{40,}"),
    ("packagist_[ou][ru]t_", r"[0-9a-f]{40,}"),
    ("dckr_[po]at_", r"[\w-]{20,}"),
    ("AKC", r"[A-Za-z0-9]{10,}"),  # Artifactory
    ("cmVmdGtu", r"[A-Za-z0-9]{40,}"),
    ("sgp_", r"(?:[0-9a-fA-F]{16}_)?[0-9a-f]{40}"),  # Sourcegraph
    ("sq[pau]_", r"[0-9a-f]{40}"),  # SonarQube
    ("CCIP(?:AT|RJ)_", r"[\w-]{20,}"),  # CircleCI
    ("bk(?:ua|pat|at)_", r"[0-9a-zA-Z]{30,}"),  # Buildkite
    ("rdme_", r"[a-z0-9]{40,}"),
    ("PMAK-", r"[0-9a-f]{20,}(?:-[0-9a-f]{20,})?"),  # Postman
    ("figd_", r"[\w-]{20,}"),
    ("lin_(?:api|oauth)_", r"[A-Za-z0-9]{20,}"),  # Linear
    ("ntn_", r"[A-Za-z0-9]{40,}"),  # Notion
    ("secret_", r"[A-Za-z0-9]{43}(?![A-Za-z0-9])"),
    ("CFPAT-", r"[\w-]{40,}"),  # Contentful
    ("apify_api_", r"[A-Za-z0-9]{30,}"),
    ("pat[A-Za-z0-9]{14}\\.", r"[0-9a-f]{40,}"),  # Airtable
    # machine learning
    ("sk-(?:ant|proj|svcacct|admin|or-v1|lf)-", r"[\w-]{32,}"),
    ("sk-", r"(?=[a-z]*\d)[0-9a-z]{32,}(?![\w-])"),
    ("hf_", r"[A-Za-z0-9]{30,}"),
    ("api_org_", r"[A-Za-z0-9]{30,}"),
    ("gsk_", r"[A-Za-z0-9]{40,}"),  # Groq
    ("nvapi-", r"[\w-]{40,}"),
    ("r8_", r"[A-Za-z0-9]{37,}"),  # Replicate
    ("xai-", r"[A-Za-z0-9]{60,}"),
    ("pplx-", r"[A-Za-z0-9]{40,}"),
    ("lsv2_(?:pt|sk)_", r"[0-9a-f]{32}_[0-9a-f]{10}"),  # LangSmith
    ("pcsk_", r"[A-Za-z0-9_]{40,}"),  # Pinecone
    ("tvly-", r"[A-Za-z0-9-]{30,}"),
    ("jina_", r"[A-Za-z0-9]{50,}"),
    ("e2b_", r"[0-9a-f]{40}"),
    ("wandb_v1_", r"[A-Za-z0-9_]{40,}"),
    ("pn[ub]_", r"[A-Za-z0-9]{36}"),  # Prefect
    # clouds and platforms
    ("AIza", r"[\w-]{35,}"),
    ("ya29\\.", r"[\w-]{20,}"),
    ("GOCSPX-", r"[\w-]{24,}"),
    ("1//0", r"[\w-]{40,}"),  # a refresh token of Google
    ("GOOG1?", r"(?=[A-Z]*\d)[A-Z0-9]{20,}(?![A-Za-z0-9])"),
    ("ABSK", r"[A-Za-z0-9+/]{40,}={0,2}"),  # Bedrock
    ("bedrock-api-key-", r"[A-Za-z0-9+/=]{40,}"),
    ("(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)", r"[A-Za-z0-9+/]{40,}={0,2}"),  # a session token of AWS
    ("LTAI", r"[A-Za-z0-9]{12,26}(?![A-Za-z0-9])"),  # Alibaba
    ("AKID", r"[A-Za-z0-9]{28,}"),  # Tencent
    ("dapi", r"[0-9a-f]{32}(?:-\d{1,2})?(?![A-Za-z0-9])"),  # Databricks
    ("dkea|dose", r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("do[opr]_v1_", r"[0-9a-f]{40,}"),  # DigitalOcean
    ("shp(?:at|ca|pa|ss|ua)_", r"[0-9a-fA-F]{24,}"),  # Shopify
    ("gl(?:sa|c)_", r"[\w=+/-]{20,}"),  # Grafana
    ("eyJrIjoi", r"[A-Za-z0-9+/_-]{20,}={0,2}"),
    ("ops_eyJ", r"[A-Za-z0-9+/_-]{40,}={0,2}"),  # 1Password
    ("A3-[A-Z0-9]{6}-", r"[A-Z0-9-]{20,}"),
    ("pul-", r"[0-9a-f]{40}"),  # Pulumi
    ("hv[sbr]\\.", r"[\w-]{24,}"),  # HashiCorp Vault
    ("fo1_", r"[\w-]{40,}"),  # Fly.io
    ("fm[12][ar]?_", r"[A-Za-z0-9+/]{60,}={0,3}"),
    ("dp\\.(?:pt|st|ct|sa|scim|audit)\\.", r"[\w.-]{36,}"),  # Doppler
    ("HRKU-", r"[\w-]{30,}"),
    ("nfp_", r"[A-Za-z0-9]{30,}"),
    ("sbp_", r"[0-9a-f]{40}"),
    ("sb_secret_", r"[\w-]{20,}"),
    ("pscale_(?:tkn|pw|oauth)_", r"[\w=.-]{30,}"),
    ("napi_", r"[a-z0-9]{40,}"),
    ("AVNS_", r"[\w-]{15,}"),  # Aiven
    ("dd[po]_", r"[A-Za-z0-9]{36}"),
    ("tskey-[a-z]{2,12}-", r"[\w-]{16,}"),
    ("sha256~", r"[\w-]{40,}"),  # OpenShift
    ("K10[0-9a-f]{40,}::", r"[\w:.-]{8,}"),  # k3s
    ("v1\\.0-[0-9a-f]{24}-", r"[0-9a-f]{60,}"),  # Cloudflare's origin CA
    ("dt0[a-z]\\d\\d\\.", r"[A-Z0-9]{24}\.[A-Z0-9]{60,}"),  # Dynatrace
    ("NR(?:AK|JS|II|AA|BR|RA)-", r"[A-Za-z0-9-]{20,}"),  # New Relic
    ("sntry[su]_", r"[\w=+/-]{40,}"),
    ("hc[abx]ik_", r"[a-z0-9]{30,}"),  # Honeycomb
    ("EAACEdEose0cBA|EAA[A-Z]", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{80,}"),  # Meta
    ("AAAAAAAAAAAAAAAAAAAAA", r"(?=[A-Za-z0-9]{1,80}%)[A-Za-z0-9%]{40,}"),  # X
    ("access-(?:sandbox|development|production)-", r"[0-9a-f]{8}-[0-9a-f-]{27}"),  # Plaid
    ("sl\\.[uB]", r"[\w-]{80,}"),  # Dropbox
    ("ntfy_?tk_|tk_", r"[a-z0-9]{29}(?![A-Za-z0-9])"),
    # payments and messages
    ("[sr]k_(?:test|live)_", r"[0-9a-zA-Z]{24,}"),
    ("sk_", r"[0-9a-f]{48}(?![A-Za-z0-9])"),
    ("whsec_", r"[A-Za-z0-9+/=]{24,}"),
    ("sq0atp-", r"[\w-]{20,}"),
    ("EAAA", r"[\w-]{60}(?![\w-])"),
    ("rzp_(?:live|test)_", r"[A-Za-z0-9]{14,}"),
    ("FLWSECK(?:_TEST)?-", r"[A-Za-z0-9-]{12,}"),
    ("(?:shippo|duffel|easypost)_(?:live|test)_", r"[\w-]{30,}"),
    ("EZ[AT]K", r"[A-Za-z0-9]{54,}"),
    ("key-", r"[0-9a-f]{32}(?![A-Za-z0-9])"),  # Mailgun
    ("xkeysib-", r"[0-9a-f]{60,}(?:-[A-Za-z0-9]{12,})?"),
    ("xsmtpsib-", r"[0-9a-f]{60,}(?:-[A-Za-z0-9]{12,})?"),
    ("xapp-\\d-", r"[\w-]{20,}"),
    ("xoxe[.-]", r"[\w.-]{20,}"),
    ("AGE-SECRET-KEY-1", r"[0-9A-Z]{50,}"),
    ("[xyz]prv", r"[A-HJ-NP-Za-km-z1-9]{100,}"),  # a wallet
)
"""Prefix and rest of tokens that detect-secrets does not support, or matches only in part."""

_IN_THE_MIDDLE: Final = (
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}", r"\.atlasv1\."),  # HCP Terraform
    (r"(?<![\w~.-])[A-Za-z0-9_~.-]{3}\dQ~[\w~.-]{31,34}", r"[0-9]Q~[a-zA-Z0-9_~.-]{31}"),  # Microsoft Entra
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])", "AZDO"),  # Azure DevOps
    (
        r"(?<![\w.-])s\.(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{24}(?![\w.-])",
        r"\bs\.[A-Za-z0-9]{24}",
    ),  # Vault < 1.10
    # detect-secrets' pattern for a JWT misses the signature, and takes quadratic time on eyJeyJ…
    (WORD_START + r"eyJ[\w-]{8,}={0,2}\.[\w-]{4,}={0,2}(?:\.[\w-]*)*", r"eyJ[\w-]{8,}={0,2}\."),
    (
        WORD_START + r"eyJ[\w-]{8,}={0,2}\.\.[\w-]{4,}(?:\.[\w-]*)*",
        r"eyJ[\w-]{8,}={0,2}\.\.",
    ),  # encrypted with a direct key
    # the hash of a password, as crypt(3) and htpasswd write it
    (
        r"(?<![\w$])\$(?:2[abxy]?|5|6|1|y|7|apr1|argon2(?:id?|d)|scrypt|pbkdf2-\w{3,8})\$[\w./+,=$-]{20,}",
        r"\$[0-9a-z-]{1,16}\$[\w./]",
    ),
    (r"\{(?:SSHA|SHA|SMD5|CRYPT|SSHA\d{3})\}[\w./+=$]{16,}", r"\{[A-Z]{3,5}[0-9]{0,3}\}"),
    (r"(?<![\w*])\*(?=[A-F]*\d)[0-9A-F]{40}(?![0-9A-F])", r"\*[0-9A-F]{40}"),  # MySQL's hash
)
"""Tokens whose prefix is not at their beginning, and other shapes, with a hint for each."""


def _provided(provider: str, hints: tuple[str, ...], group: int = 0) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        from wfreport.core.redact.provider_patterns import PATTERNS  # noqa: PLC0415 - rarely needed, see there

        for pattern in PATTERNS[provider]:
            for match in pattern.finditer(text):
                yield match.span(group)

    return Detector(hints, spans)


DETECTORS: Final[tuple[Detector, ...]] = (
    *(_provided(provider, hints) for provider, hints in _PROVIDERS.items()),
    _provided("aws-secret-key", ("(?i)aws",), group=1),
    *(by_pattern(lazy_pattern(rf"{WORD_START}(?:{prefix}){rest}"), prefix) for prefix, rest in _SHAPES),
    *(by_pattern(lazy_pattern(pattern), hint) for pattern, hint in _IN_THE_MIDDLE),
)
