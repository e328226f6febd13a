"""Finds tokens by their own shape, which each provider defines.

Many shapes come from detect-secrets (``provider_patterns``). Those that it lacks, or matches only in part, are a table
here.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from wfreport.core.redact.detectors import WORD_START, Detector, Span, by_pattern
from wfreport.core.redact.placeholders import is_example
from wfreport.core.redact.words import is_worded
from wfreport.imports import lazy_pattern

_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws": ("(?:AKIA|ASIA|ABIA|ACCA|A3T)[A-Z0-9]",),
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
    "telegram": ("[0-9]{8}:[A-Za-z0-9_-]{8}",),
    "twilio": ("(?:AC|SK)[a-z0-9]{8}",),
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
    ("rubygems_", r"[0-9a-z]{32,}"),
    ("cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])"),  # crates.io
    ("oy2", r"[a-z0-9]{43}(?![a-z0-9])"),  # NuGet
    ("CLOJARS_", r"[0-9a-z]{40,}"),
    ("packagist_[ou][ru]t_", r"[0-9a-f]{40,}"),
    ("dckr_[po]at_", r"[\w-]{20,}"),
    ("AKC", r"[A-Za-z0-9]{10,}"),  # Artifactory
    ("dG9rO", r"[A-Za-z0-9+/=]{50,}"),  # Intercom
    ("cmVmd", r"[A-Za-z0-9]{59}(?![A-Za-z0-9])"),
    ("cmVmdGtu", r"[A-Za-z0-9]{40,}"),
    ("BBDC-", r"[A-Za-z0-9+/@_-]{40,}"),  # Bitbucket Data Center
    ("pypi-AgE", r"[\w-]{50,}"),
    ("sqco_", r"[A-Za-z0-9]{50,}"),  # SonarQube Cloud
    ("slk_", r"[0-9a-f]{64}"),  # Sourcegraph Cody
    ("spu-", r"(?=[a-z]*\d)[a-z0-9]{32}(?![\w-])"),  # Spectral
    ("API-", r"(?=[A-Z]*\d)[A-Z0-9]{26,36}(?![\w-])"),  # Octopus Deploy
    ("ovsxat_", r"[\w-]{30,}"),  # Open VSX
    ("endr\\+", r"[A-Za-z0-9-]{16}"),  # Endor Labs
    ("thog-(?:key|secret)-", r"[0-9a-f]{16,}"),
    ("crsr_", r"[\w-]{40,}"),  # Cursor
    ("sgp_", r"(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"),  # Sourcegraph
    ("sgp_", r"[\w-]{60,}"),  # Segment
    ("sq[pau]_", r"[0-9a-f]{40}"),  # SonarQube
    ("CCIP(?:AT|RJ)_", r"[\w-]{20,}"),  # CircleCI
    ("bk(?:ua|pat|at)_", r"[0-9a-zA-Z]{30,}"),  # Buildkite
    ("rdme_", r"[a-z0-9]{40,}"),
    ("PMAK-", r"[0-9a-zA-Z-]{20,}"),  # Postman
    ("fig[a-z]{1,2}_", r"[\w=-]{20,}"),  # Figma
    ("lin_(?:api|oauth)_", r"[A-Za-z0-9]{20,}"),  # Linear
    ("ntn_", r"[A-Za-z0-9]{40,}"),  # Notion
    ("secret_", r"[A-Za-z0-9]{43}(?![A-Za-z0-9])"),
    ("CFPAT-", r"[\w-]{40,}"),  # Contentful
    ("apify_api_", r"[A-Za-z0-9]{30,}"),
    ("pat[A-Za-z0-9]{14}\\.", r"[0-9a-f]{40,}"),  # Airtable
    # machine learning
    ("sk-(?:ant|proj|svcacct|admin|or-v1|lf)-", r"[\w-]{32,}"),
    ("sk-", r"(?=[A-Za-z]{0,64}\d)[0-9A-Za-z]{32,}(?![\w-])"),
    ("sk-", r"(?=[a-z0-9]{0,64}[A-Z])(?=[A-Z0-9]{0,64}[a-z])(?=[A-Za-z]{0,64}\d)[0-9A-Za-z]{20,}(?![\w-])"),
    ("tgp_v1_", r"[\w-]{30,}"),  # Together
    ("csk-", r"[a-z0-9]{40,}"),  # Cerebras
    ("sk_car_", r"[A-Za-z0-9]{20,}"),  # Cartesia
    ("ls__", r"[0-9a-f]{32}"),  # LangSmith, formerly
    ("[ps]k-lf-", r"[0-9a-f-]{36}"),  # Langfuse
    ("hf_", r"[A-Za-z0-9]{30,}"),
    ("api_org_", r"[A-Za-z0-9]{30,}"),
    ("gsk_", r"[A-Za-z0-9]{40,}"),  # Groq
    ("nvapi-", r"[\w-]{40,}"),
    ("r8_", r"[\w-]{37,}"),  # Replicate
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
    ("ya29\\.", r"(?:[a-z]{1,2}\.)?[\w-]{20,}"),
    ("GOCSPX-", r"[\w-]{24,}"),
    ("4/0A", r"[\w-]{40,}"),  # an authorization code of Google
    ("1//0", r"[\w-]{40,}"),  # a refresh token of Google
    ("GOOG1?", r"(?=[A-Z]*\d)[A-Z0-9]{20,}(?![A-Za-z0-9])"),
    ("ABSK", r"[A-Za-z0-9+/]{40,}={0,2}"),  # Bedrock
    ("bedrock-api-key-", r"[A-Za-z0-9+/=]{24,}"),
    ("da2-", r"[a-z0-9]{26}(?![\w-])"),  # AppSync
    ("amzn1\\.oa2-cs\\.v1\\.", r"[0-9a-f]{64}"),
    ("AKLT", r"[A-Za-z0-9+/=]{40,}"),  # Volcengine
    ("AQVN", r"[\w-]{35,}"),  # Yandex Cloud
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
    ("pul-", r"[0-9a-z]{40}"),  # Pulumi
    ("hv[sbr]\\.", r"[\w.-]{24,}"),  # HashiCorp Vault
    ("fo1_", r"[\w-]{40,}"),  # Fly.io
    ("fm[12][ar]?_", r"[A-Za-z0-9+/]{60,}={0,3}"),
    ("dp\\.(?:pt|st|ct|sa|scim|audit)\\.", r"[\w.-]{36,}"),  # Doppler
    ("HRKU-", r"[\w-]{30,}"),
    ("nfp_", r"[A-Za-z0-9]{30,}"),
    ("sbp_", r"[0-9a-z]{40}"),
    ("sb_secret_", r"[\w-]{20,}"),
    ("pscale_(?:tkn|pw|oauth)_", r"[\w=.-]{30,}"),
    ("napi_", r"[a-z0-9]{40,}"),
    ("AVNS_", r"[\w-]{15,}"),  # Aiven
    ("dd[pow]_", r"[A-Za-z0-9]{36}"),
    ("tskey-[a-z]{2,12}-", r"[\w-]{16,}"),
    ("sha256~", r"[\w-]{40,}"),  # OpenShift
    ("K10[0-9a-f]", r"[0-9a-f]{39,}::[\w:.-]{8,}"),  # k3s
    ("v1\\.0-", r"[0-9a-f]{24}-[0-9a-f]{60,}"),  # Cloudflare's origin CA
    ("v1\\.0-", r"(?=[A-Za-z-]{0,64}\d)[A-Za-z0-9-]{160,}"),
    ("cf(?:k|[ua]t)_", r"[A-Za-z0-9]{40,}"),  # Cloudflare
    ("dt0[a-z]\\d\\d\\.", r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{60,}"),  # Dynatrace
    ("NR(?:AK|JS|II|IQ|AA|BR|RA)-", r"[\w-]{19,}"),  # New Relic
    ("lm[va]1_", r"[\w=+/-]{30,}"),  # LogicMonitor
    ("phx_", r"[A-Za-z0-9_]{40,}"),  # PostHog
    ("pgar_", r"[A-Za-z0-9]{27,}"),  # pganalyze
    ("rootly_", r"[0-9a-f]{64}"),
    ("ico-", r"[A-Za-z0-9]{32}(?![\w-])"),  # Infracost
    ("dnkey-", r"[\w=-]{26,}"),  # Defined Networking
    ("[ps]at\\.", r"[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),  # Harness
    ("tk-us-", r"[\w-]{48}"),  # Scalingo
    ("sm_[aps]at_", r"[A-Za-z0-9]{16,}"),  # SettleMint
    ("salad_cloud_", r"[0-9A-Za-z]{1,16}_[0-9A-Za-z]{7,}"),
    ("CCDB1_", r"[\w-]{20,}"),  # CockroachDB
    ("mdb_sa_sk_", r"[\w-]{30,}"),  # MongoDB Atlas
    ("vtwn_", r"[\w-]{20,}"),
    ("unkey_", r"[\w-]{20,}"),
    ("zpka_", r"[0-9a-z_]{30,}"),  # Zuplo
    ("vc[apkirt]{1,2}_", r"[A-Za-z0-9]{40,}"),  # Vercel
    ("dvc_(?:server|mobile|client)_", r"[\w-]{20,}"),  # DevCycle
    ("sdk-", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])"),  # LaunchDarkly
    ("pat-(?:eu|na)\\d-", r"[0-9A-Za-z-]{36}"),  # HubSpot
    ("p8e-", r"[a-z0-9]{32}(?![\w-])"),  # Adobe
    ("aio_", r"[A-Za-z0-9]{28}(?![\w-])"),  # Adafruit
    ("(?:sc|ext|scauth|authress)_", r"[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,}"),
    ("4b1d", r"[A-Za-z0-9]{38}(?![A-Za-z0-9])"),  # ClickHouse Cloud
    ("fio-u-", r"[\w-]{40,}"),  # Frame.io
    ("bb_(?:pr|ma)_", r"[0-9a-f]{30}"),  # Bannerbear
    ("NF-", r"(?=[A-Za-z]{0,32}\d)[A-Za-z0-9]{32}(?![\w-])"),  # Nightfall
    ("os_v2_(?:app|org)_", r"[a-z0-9]{40,}"),  # OneSignal
    ("KEY0", r"[0-9A-F]{28,}_[A-Za-z0-9]{16,}"),  # Telnyx
    ("samsara_api_", r"[A-Za-z0-9]{20,}"),
    ("pina_", r"[A-Za-z0-9]{32,}"),  # Pinterest
    ("[su]-s4t2(?:ud|af)-", r"[0-9a-f]{64}"),  # Intra 42
    ("tfp_", r"[A-Za-z0-9_]{40,}"),  # Typeform
    ("BBFF-", r"[A-Za-z0-9]{30}"),  # Ubidots
    ("VF\\.(?:(?:DM|WS)\\.)?", r"[0-9a-fA-F]{24}\.[A-Za-z0-9]{16}"),  # Voiceflow
    ("na1\\.", r"[A-Za-z0-9+/]{100}"),  # FullStory
    ("3MVG9|5AEP861", r"[A-Za-z0-9._+/=]{80,}"),  # Salesforce
    ("rh-api-", r"[0-9a-fA-F-]{36}"),
    ("ramp_(?:id|sec)_", r"[A-Za-z0-9]{40,}"),
    ("flb_live_", r"[0-9a-zA-Z]{20}"),
    ("shltm_", r"[\w-]{40}"),
    ("(?:pub|sec|sub)-c-", r"[0-9A-Za-z-]{36,}"),  # PubNub
    ("[sp]k\\.eyJ", r"[\w-]{20,}\.[\w-]{16,}"),  # Mapbox
    ("pk\\.", r"[0-9a-f]{32}(?![\w-])"),  # LocationIQ
    ("sntry[su]_", r"[\w=+/-]{40,}"),
    ("hc[abx]ik_", r"[a-z0-9]{30,}"),  # Honeycomb
    ("EAACEdEose0cBA|EAA[A-Z]", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{80,}"),  # Meta
    ("AAAAAAAAAAAAAAAAAAAAA", r"(?=[A-Za-z0-9]{1,80}%)[A-Za-z0-9%]{40,}"),  # X
    ("access-(?:sandbox|development|production)-", r"[0-9a-f]{8}-[0-9a-f-]{27}"),  # Plaid
    ("sl\\.[uB]", r"[\w-]{80,}"),  # Dropbox
    ("ntfy_?tk_|tk_", r"[a-z0-9]{29}(?![A-Za-z0-9])"),
    # payments and messages
    ("[sra]k_(?:test|live|prod|sbox)_", r"[0-9a-zA-Z-]{16,}"),
    ("pk_", r"(?:[0-9a-f]{34}|[A-Za-z0-9]{6}_[0-9a-f]{34})(?![\w-])"),  # Klaviyo
    ("pdl_(?:live|sdbx)_apikey_", r"[\w-]{20,}"),  # Paddle
    ("Mid-server-", r"[\w-]{20,}"),  # Midtrans
    ("sk_", r"[0-9a-f]{48}(?![A-Za-z0-9])"),
    ("whsec_", r"[A-Za-z0-9+/=]{24,}"),
    ("(?:sandbox-)?sq0[a-z]{3}-", r"[\w-]{20,}"),
    ("EAAA", r"(?=[A-Za-z_-]{0,60}\d)[\w-]{22,60}(?![\w-])"),
    ("rzp_(?:live|test)_", r"[A-Za-z0-9]{14,}"),
    ("FLW(?:SECK|PUBK)(?:_TEST)?-", r"[A-Za-z0-9-]{12,}"),
    ("(?:shippo|duffel|easypost)_(?:live|test)_", r"[\w-]{30,}"),
    ("EZ[AT]K", r"[A-Za-z0-9]{54,}"),
    ("key-", r"(?=[a-z]{0,32}\d)[0-9a-z]{32}(?![A-Za-z0-9])"),  # Mailgun
    ("SG\\.", r"[\w-]{16,32}\.[\w-]{16,64}"),
    ("SG\\.", r"(?=[a-z=_.-]{0,66}\d)[\w=.-]{66}(?![\w=.-])"),
    ("xox[ar]-", r"(?:\d-)?[0-9a-zA-Z]{8,}"),
    ("xkeysib-", r"[\w-]{60,}"),
    ("xsmtpsib-", r"[0-9a-f]{60,}(?:-[A-Za-z0-9]{12,})?"),
    ("xapp-\\d-", r"[\w-]{20,}"),
    ("xoxe[.-]", r"[\w.-]{20,}"),
    ("AGE-SECRET-KEY-1", r"[0-9A-Z]{50,}"),
    ("[xyz]prv", r"[A-HJ-NP-Za-km-z1-9]{100,}"),  # a wallet
)
"""Prefix and rest of tokens that detect-secrets does not support, or matches only in part."""

_AZURE_MARK: Final = r"(?:A(?:zFu|zSe|IoT|PIM|CDb|EhC|EhT)|\+A(?:St|SbT|RmT|Eh))"
"""Marks of the service in the keys of Azure."""

_IN_THE_MIDDLE: Final = (
    (WORD_START + r"00[A-Za-z0-9]{13}![A-Za-z0-9_.]{80,}", "[A-Za-z0-9]![A-Za-z0-9_.]{8}"),  # Salesforce
    (WORD_START + r"pi_[A-Za-z0-9]{24}_secret_[A-Za-z0-9]{20,}", r"\bpi_[A-Za-z0-9]+_secret_"),  # Stripe
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}", r"\.atlasv1\."),  # HCP Terraform
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?![\w-])", "_mmk"),  # MaxMind
    (
        r"(?<![A-Za-z0-9])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])",
        "[0-9a-f]-[0-9a-f]{8}-[0-9a-f]{8}",
    ),  # Mailgun
    (r"(?<![A-Za-z0-9])(?:[0-9a-f]{32}|eu01xx[0-9a-f]{26})FFFFNRAL", "FFFFNRAL"),  # New Relic
    (r"(?<![A-Za-z0-9])(?:AA[0-9a-f]{40}|eu01xx[0-9a-f]{36})-NRMA", "-NRMA"),
    (r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9]{6}(?![A-Za-z0-9])", r"\+ACR"),  # Azure's registry
    (
        r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{33,76}" + _AZURE_MARK + r"[A-Za-z0-9+/]{5,12}={0,2}(?![A-Za-z0-9+/=])",
        _AZURE_MARK + "[A-Za-z0-9+/]{5}",
    ),
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}(?![A-Za-z0-9])", "JQQJ99"),
    (r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32}(?![A-Za-z0-9])", "==:[A-Za-z0-9]"),  # Tableau
    (
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{64}_[A-Za-z0-9]{4}_[0-9A-Za-z]{8}-[0-9A-Za-z]{4}-[0-9A-Za-z-]{22}",
        "_[A-Za-z0-9]{4}_[0-9A-Za-z]{8}-[0-9A-Za-z]{4}-",
    ),  # Webex
    (r"(?<![A-Za-z0-9])S[AOUNCX][A-Z2-7]{56}(?![A-Za-z0-9])", "S[AOUNCX][A-Z2-7]{12}"),  # a seed of NATS
    (
        r"(?<![\w.-])00(?=[\w-]{0,40}[A-Z])(?=[\w-]{0,40}[a-z])(?=[\w-]{1,40}\d)[\w-]{40}(?![\w-])",
        r"\b00[\w-]{12}",
    ),  # Okta
    (r"(?<![\w.-])SK(?=[A-Fa-f]{0,32}\d)(?=\d{0,32}[A-Fa-f])[0-9a-fA-F]{32}(?![\w-])", "SK[0-9a-fA-F]{8}"),  # Twilio
    (
        r"(?<![\w.-])re_(?=\w{0,32}\d)[A-Za-z0-9]{6,12}_[A-Za-z0-9]{20,}(?![\w-])",
        r"\bre_[A-Za-z0-9]+_[A-Za-z0-9]{8}",
    ),  # Resend
    (r"(?<![\w.-])fw_(?=[A-Za-z]{0,24}\d)[A-Za-z0-9]{22,}(?![\w-])", r"\bfw_[A-Za-z0-9]{8}"),  # Fireworks
    (r"(?<![\w.-])(?:live|test)_(?=[a-f]{0,35}\d)[0-9a-f]{35}(?![\w-])", "(?:live|test)_[0-9a-f]{8}"),  # Lob
    (
        r"(?<![\w.-])live_(?=[a-z0-9_-]{0,40}[A-Z])(?=[A-Za-z_-]{0,40}\d)[\w-]{40}(?![\w-])",
        r"\blive_[\w-]{8}",
    ),  # GoCardless
    (r"(?<![\w.-])y[0-3]_[\w-]{50,}", r"\by[0-3]_"),  # Yandex
    (r"(?<![\w.-])t1\.[\w-]{2,400}\.[\w-]{86}", r"\bt1\.[\w-]+\.[\w-]{8}"),
    (r"(?<![\w.-])[01]\.A[\w-]{50,2000}\.Ag[\w-]{100,}", r"\b[01]\.A[\w-]{8}"),  # a refresh token of Microsoft Entra
    (r"(?<![\w.-])1000\.[0-9a-f]{32}\.[0-9a-f]{32}", r"\b1000\.[0-9a-f]{8}"),  # Zoho
    (r"(?<![\w/.])[12]/\d{10,20}(?:/\d{10,20})?:[0-9a-f]{32}(?![\w-])", "/[0-9]+:[0-9a-f]{8}"),  # Asana
    (r"(?<![\w-])[\w-]{8,32}:APA91b[\w-]{100,}", "APA91b"),  # Firebase
    (
        r"(?<![\w.-])api_(?=[A-Za-z]{0,22}\d)[A-Za-z0-9]{18,24}\.[A-Za-z0-9]{18,24}(?![\w.])",
        r"\bapi_[A-Za-z0-9]+\.",
    ),  # Close
    (r"v\^1\.1#i\^1#[\w#^+/=.]{40,}", r"v\^1\.1#i\^1#"),  # eBay
    (r"(?<![\w.-])OC\|\d{10,20}\|[\w-]{20,}", r"OC\|[0-9]"),  # Oculus
    (r"(?<![\w-])API_KEY(?=[A-Z]{0,32}\d)[0-9A-Z]{32}(?!\w)", "API_KEY[0-9A-Z]"),  # Finage
    (r"(?<![\w.-])\d{15,17}[|%][\w-]{27,40}(?![\w-])", r"[0-9]{3}[|%][\w-]{8}"),  # Meta's app token
    (r"(?<![\w~.-])[A-Za-z0-9_~.-]{3}\dQ~[\w~.-]{31,34}", "[0-9]Q~"),  # Microsoft Entra
    (r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])", "AZDO"),  # Azure DevOps
    # detect-secrets' pattern for a JWT misses the signature, and takes quadratic time on eyJeyJ…
    (WORD_START + r"eyJ[\w-]{8,}={0,2}\.[\w-]{4,}={0,2}(?:\.[\w-]*)*", r"eyJ[\w-]+=*\."),
    (WORD_START + r"e[wy][\w-]{16,}={0,2}\.e[wy][\w/-]{16,}={0,2}\.[\w/-]{10,}", r"\.e[wy][\w/-]"),
    (
        WORD_START + r"eyJ[\w-]{8,}={0,2}\.\.[\w-]{4,}(?:\.[\w-]*)*",
        r"eyJ[\w-]+=*\.\.",
    ),  # encrypted with a direct key
    # the hash of a password, as crypt(3) and htpasswd write it
    (
        r"(?<![\w$])\$(?:2[abxy]?|5|6|1|y|7|apr1|argon2(?:id?|d)|scrypt|pbkdf2-\w{3,8})\$[\w./+,=$-]{20,}",
        r"\$[0-9a-z-]+\$[\w./]",
    ),
    (r"\{(?:SSHA|SHA|SMD5|CRYPT|SSHA\d{3})\}[\w./+=$]{16,}", r"\{[A-Z]+[0-9]*\}"),
    (r"(?<![\w*])\*(?=[A-F]*\d)[0-9A-F]{40}(?![0-9A-F])", r"\*[0-9A-F]{8}"),  # MySQL's hash
)
"""Tokens whose prefix is not at their beginning, and other shapes, with a hint for each."""


def _provided(provider: str, hints: tuple[str, ...], group: int = 0) -> Detector:
    def spans(text: str) -> Iterator[Span]:
        from wfreport.core.redact.provider_patterns import PATTERNS  # noqa: PLC0415 - rarely needed, see there

        for pattern in PATTERNS[provider]:
            for match in pattern.finditer(text):
                if not is_example(match[0]):
                    yield match.span(group)

    return Detector(hints, spans)


_OLD_VAULT: Final = lazy_pattern(r"(?<![\w.-])s\.(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{24}(?![\w.-])")
"""A token of Vault before 1.10. A call of a method can have its form."""

DETECTORS: Final[tuple[Detector, ...]] = (
    by_pattern(_OLD_VAULT, r"\bs\.[A-Za-z0-9]{8}", accept=lambda token: not is_worded(token[2:])),
    *(_provided(provider, hints) for provider, hints in _PROVIDERS.items()),
    _provided("aws-secret-key", ("(?i)aws",), group=1),
    *(by_pattern(lazy_pattern(rf"{WORD_START}(?:{prefix}){rest}"), prefix) for prefix, rest in _SHAPES),
    *(by_pattern(lazy_pattern(pattern), hint) for pattern, hint in _IN_THE_MIDDLE),
)
