"""The programs whose command lines contain secrets, and where: a table that knows what their short flags mean."""

from typing import Final

from msgspec import Struct

_VALUE: Final = r"(?P<value>\"[^\"\n]+|'[^'\n]+|[^\s\"'`,\]|;)>-][^\s\"'`|;]*)"


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
_USER_COLON: Final = r"[\"']?[^\s:\"'/]{0,100}:[\"']?(?P<value>[^\s\"'\[@][^\s\"']*)"

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
    Program(r"lftp|ncftp\w{0,8}", rf"{_FLAG_START}-u{_GAP}?[\"']?[^\s,\"']{{1,100}},[\"']?(?P<value>[^\s\"']+)"),
    Program(r"htpasswd", rf"-[a-zA-Z]{{0,8}}b[a-zA-Z]{{0,8}}\s{{1,8}}\S{{1,200}}\s{{1,8}}\S{{1,100}}\s{{1,8}}{_VALUE}"),
    Program(
        r"mc",
        rf"(?:set|add)\s{{1,8}}\S{{1,64}}\s{{1,8}}[\"']?https?://\S{{1,200}}\s{{1,8}}\S{{3,128}}\s{{1,8}}{_VALUE}",
        subcommand="alias|config",
    ),
    Program(r"rabbitmqctl", rf"(?:add_user|change_password|authenticate_user)\s{{1,8}}\S{{1,100}}\s{{1,8}}{_VALUE}"),
    Program(r"aws", rf"(?:secret_access_key|session_token)\s{{1,8}}{_VALUE}", subcommand="configure"),
    Program(
        r"aws", rf"{_FLAG_START}--(?:secret-string|value){_GAP}{_VALUE}", subcommand="SecureString|--secret-string"
    ),
    Program(r"npm|yarn|pnpm", rf"(?:_auth(?:Token)?|_password|npmAuthToken)(?:=|\s{{1,8}}){_VALUE}"),
    Program(r"vault|bao", rf"\s(?:login|unseal|unwrap|lookup|renew|revoke)\s{{1,8}}{_VALUE}", min_random=12),
    Program(
        r"kubectl|oc",
        rf"{_FLAG_START}--from-literal[= ][\"']?[\w.-]{{1,128}}={_VALUE}",
        subcommand=r"create\s{1,8}secret",
    ),
    Program(
        r"wandb|cargo|railway|netlify|vercel|surge|fly|flyctl|huggingface-cli|hf|clearml|comet|expo|eas|pulumi"
        r"|tailscale|snyk|ngrok|heroku",
        rf"\s(?:login|auth|authtoken|add-authtoken|auth:token)\s{{1,8}}(?:--relogin\s{{1,8}})?{_VALUE}",
        min_random=20,
    ),
    Program(
        r"poetry",
        rf"\s(?:pypi-token\.\S{{1,64}}|http-basic\.\S{{1,64}}\s{{1,8}}\S{{1,100}})\s{{1,8}}{_VALUE}",
        subcommand="config",
    ),
    Program(
        r"composer",
        rf"\s(?:http-basic\.\S{{1,128}}\s{{1,8}}\S{{1,100}}|[\w-]{{1,32}}-(?:oauth"
        rf"|token)\.\S{{1,128}})\s{{1,8}}{_VALUE}",
        subcommand="config",
    ),
    Program(r"(?:dotnet\s{1,8})?nuget|choco|codecov|infracost", rf"{_FLAG_START}-[kt]{_GAP}{_VALUE}", min_random=16),
    Program(r"pulumi", rf"\s--secret\s{{1,8}}\S{{1,128}}\s{{1,8}}{_VALUE}", subcommand="config"),
    Program(
        r"curl", rf"{_FLAG_START}(?:-[a-zA-Z#]{{0,12}}b|--cookie){_GAP}?[\"']?[\w.-]{{1,64}}={_VALUE}", min_random=8
    ),
    Program(r"[wx]freerdp|rdesktop|mstsc", rf"\s/p:{_VALUE}"),
    Program(r"security", rf"{_FLAG_START}-w{_GAP}{_VALUE}", subcommand="add-(?:generic|internet)-password"),
    Program(r"nmcli", rf"\spassword\s{{1,8}}{_VALUE}"),
    Program(r"gh|glab", rf"{_FLAG_START}(?:-[bv]|--body|--value){_GAP}{_VALUE}", subcommand=r"secret\s{1,8}set"),
    Program(r"cryptsetup|gpg2?|docker|podman|helm|passwd|ssh-add|kinit|su", rf"<<<\s{{0,4}}{_VALUE}"),
    Program(
        r"sed",
        r"(?<![\w])s(?P<by>[/|#,])[^/|#,\s]{0,64}(?:PASSWORD|PASS|SECRET|TOKEN|KEY|password|secret|token)[^/"
        r"|#,\s]{0,32}(?P=by)"
        r"(?P<value>[^/|#,\n]{3,256})(?P=by)",
        min_random=6,
    ),
    Program(r"mysqladmin", rf"\spassword\s{{1,8}}{_VALUE}"),
    Program(r"sudo", rf"<<<\s{{0,4}}{_VALUE}", subcommand=r"\s-\w*S"),
    Program(
        r"echo|printf",
        r"\s{1,8}(?:-n\s{1,8})?[\"']?(?:[\w.-]{1,64}:)?(?P<value>[^\s\"'|:][^\s\"'|]*)[\"']?\s{0,8}\|",
        subcommand=r"--password-stdin|--pass(?:phrase)?-(?:stdin|fd)|sudo\s{1,8}-\w*S|--stdin|--with-token|chpasswd|cryptsetup|\|\s{0,8}(?:kinit|passwd|ssh-add|gpg)\b",
    ),
    Program(
        r"restic|borg|rclone|kopia",
        rf"{_FLAG_START}--pass(?:word)?-command{_GAP}[\"']?(?:echo"
        rf"|printf)\s{{1,8}}{_VALUE}",
    ),
    Program(
        r"net(?:\.exe)?",
        rf"\s(?:user\s{{1,8}}\w{{1,64}}|use\s{{1,8}}(?:\w:\s{{1,8}})?\\\\\S{{1,200}}"
        rf"(?:\s{{1,8}}/[a-z]{{1,16}}:\S{{1,100}}){{0,4}})\s{{1,8}}(?!/){_VALUE}",
    ),
    Program(r"ConvertTo-SecureString", rf"\s{{1,8}}(?:-String\s{{1,8}})?{_VALUE}"),
    Program(r"unrar|rar", rf"{_FLAG_START}-h?p(?P<value>[^\s\"'`,\]-][^\s\"'`,\]]*)"),
    Program(
        r"openssl",
        rf"(?:{_FLAG_START}-(?:hmac|macopt){_GAP}(?:hex)?(?:key:)?"
        rf"|\spasswd\s{{1,4}}(?:-\w{{1,16}}\s{{1,4}}){{0,4}}){_VALUE}",
        subcommand=r"dgst|passwd|mac",
    ),
    Program(r"security", rf"{_FLAG_START}-[pPk]{_GAP}{_VALUE}", subcommand="keychain|import"),
    Program(r"ncftp\w{0,8}|curlftpfs|tar2ftp|ftp|lftp", rf"{_FLAG_START}-p{_GAP}{_VALUE}"),
    Program(r"lftp", r"\b(?:open|user)\s{1,8}(?:-u\s{1,8})?[^\s,\"']{1,100}[,\s](?P<value>[^\s\"',;]{3,})"),
    Program(r"pdftk|qpdf", rf"\b(?:input|user|owner)_pw\s{{1,8}}{_VALUE}"),
    Program(r"smbclient|smbget", rf"\s//\S{{1,200}}\s{{1,8}}(?!-){_VALUE}"),
    Program(r"rclone", rf"\s(?:obscure|reveal)\s{{1,8}}{_VALUE}"),
    Program(
        r"htpasswd",
        rf"{_FLAG_START}-[a-zA-Z0-9]{{0,8}}b[a-zA-Z0-9]{{0,8}}(?:\s{{1,4}}-\w{{1,8}}){{0,4}}(?:\s{{1,4}}\S{{1,200}})?"
        rf"\s{{1,4}}[\w.@-]{{1,64}}\s{{1,4}}{_VALUE}\s{{0,4}}(?:$|[|>&])",
    ),
    Program(r"wpa_passphrase", rf"\s{{1,8}}(?:\"[^\"]{{0,64}}\"|'[^']{{0,64}}'|\S{{1,64}})\s{{1,8}}{_VALUE}"),
    Program(r"snmp(?:walk|get|set|bulkwalk|trap|table)", rf"{_FLAG_START}-c{_GAP}{_VALUE}", min_random=6),
    Program(r"radtest", rf"\s{{1,8}}\S{{1,64}}\s{{1,8}}{_VALUE}"),
    Program(r"radtest", rf"\s\d+\s{{1,8}}{_VALUE}"),
    Program(r"signtool(?:\.exe)?|certutil(?:\.exe)?|osslsigncode", rf"\s[/-](?:p|pass){_GAP}{_VALUE}"),
    Program(r"(?:dotnet\s{1,8})?nuget", rf"\ssetapikey\s{{1,8}}{_VALUE}"),
    Program(
        r"doctl|hcloud|codecov|vsce|ovsx",
        rf"{_FLAG_START}-[tk]{_GAP}{_VALUE}",
        min_random=16,
    ),
    Program(r"codecov|snyk", r"\s(?:-t|auth)[ =]+(?P<value>[0-9a-f]{8}-[0-9a-f-]{27})"),
    Program(r"civo|linode|vultr-cli", rf"\sapikey\s{{1,8}}(?:save|add)\s{{1,8}}\S+\s{{1,8}}{_VALUE}"),
    Program(r"grafana-cli|grafana", rf"\sreset-admin-password\s{{1,4}}(?:--\S{{1,64}}\s{{1,4}}){{0,4}}{_VALUE}"),
    Program(r"snowsql|pgcli|trino|presto-cli", rf"{_FLAG_START}-p{_GAP}{_VALUE}", min_random=6),
    Program(r"vsql", rf"{_FLAG_START}-w(?:{_GAP})?{_VALUE}"),
    Program(r"db2", rf"\busing\s{{1,8}}{_VALUE}", subcommand="connect"),
    Program(r"isql|iusql", rf"\s(?:-\w\s{{1,8}}){{0,4}}[\w.-]{{1,64}}\s{{1,8}}[\w.-]{{1,64}}\s{{1,8}}{_VALUE}"),
    Program(r"\.?(?:LOGON|logon)|BTEQ", rf"\s{{1,8}}[\w.-]{{1,64}}/[\w.-]{{1,64}},{_VALUE}"),
    Program(r"connect", rf"\sjdbc:\S{{1,200}}\s{{1,8}}[\w.-]{{1,64}}\s{{1,8}}{_VALUE}", min_random=5),
    Program(r"hadoop", rf"{_FLAG_START}-value\s{{1,8}}{_VALUE}", subcommand="credential"),
    Program(r"b2", rf"\sauthorize[-_]account\s{{1,8}}\S{{1,64}}\s{{1,8}}{_VALUE}"),
    Program(r"wpa-psk", rf"\s{{1,8}}{_VALUE}"),
    Program(r"swift", rf"{_FLAG_START}-K(?:{_GAP})?{_VALUE}"),
    Program(
        r"curl",
        rf"{_FLAG_START}(?:-E|--cert|--proxy-cert){_GAP}[\"']?[^\s:\"']{{1,200}}:(?P<value>[^\s:\"'/\\][^\s:\"']*)",
    ),
    Program(r"curl", rf"{_FLAG_START}--(?:oauth2-bearer|pass|proxy-pass|tlspassword){_GAP}{_VALUE}"),
    Program(r"CONFIG|config", rf"\s(?:SET|set)\s{{1,8}}(?:requirepass|masterauth)\s{{1,8}}{_VALUE}"),
    Program(r"ACL|acl", r"\s[>#](?P<value>[^\s\"']{4,})", subcommand=r"(?i)SETUSER"),
    Program(r"addauth", rf"\s{{1,8}}digest\s{{1,8}}[\w.@-]+:{_VALUE}"),
    Program(r"chpasswd", rf"<<<\s{{0,8}}[\"']?[\w.-]+:{_VALUE}"),
    Program(
        r"echo|printf",
        rf"\s{{1,4}}(?:-\w{{1,4}}\s{{1,4}}){{0,4}}[\"']?[\w.-]{{1,64}}:{_VALUE}[\"']?\s{{0,8}}\|",
        subcommand="chpasswd",
    ),
    Program(r"mount(?:\.cifs)?|fstab", r"[,\s](?:pass|password)=(?P<value>[^\s\"',]+)"),
    Program(r"expect|spawn", rf"\bsend\s{{1,8}}(?:--\s{{1,8}})?\\*[\"']{_VALUE}\\[rn]"),
    Program(r"gpg2?", rf"{_FLAG_START}--passphrase{_GAP}{_VALUE}"),
    Program(r"ktutil|kadmin(?:\.local)?", rf"\s(?:-pw|-w|addprinc\s{{1,8}}-pw|cpw\s{{1,8}}-pw){_GAP}{_VALUE}"),
    Program(r"influx|influxd", rf"{_FLAG_START}-(?:t|p){_GAP}{_VALUE}", min_random=6),
    Program(r"crane|regctl|nerdctl|finch", rf"{_FLAG_START}-p{_GAP}{_VALUE}", subcommand=r"auth|login"),
    Program(r"psql|createdb|pg_dump|pg_restore|vacuumdb", r"\b(?:password|passfile)=(?P<value>[^\s\"']+)"),
    Program(r"arangosh|arangodump|couchbase-cli|cbq|cbbackupmgr", rf"{_FLAG_START}-p(?:{_GAP})?{_VALUE}"),
    Program(
        r"exp|imp|expdp|impdp|sqlldr|sqlplus",
        r"\s(?:-[SLs]\s{1,8})?[A-Za-z]\w{0,60}/(?P<value>[^\s/@\"'.]{4,128})(?=\s|@|$)",
        min_random=5,
    ),
    Program(r"jf|jfrog|glab|gh|tea|hub", rf"{_FLAG_START}--(?:access-)?(?:token|password|api-key){_GAP}{_VALUE}"),
    Program(
        r"dvc|git|mc|s3cmd|rclone",
        rf"\s(?:password|secret_access_key|secret_key|pass)\s{{1,8}}{_VALUE}",
        subcommand=r"\s(?:modify|config|create|update|set)\s",
    ),
    Program(r"useradd|usermod", rf"{_FLAG_START}-p{_GAP}{_VALUE}"),
)
