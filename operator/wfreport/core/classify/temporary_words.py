"""Words of failures that may be otherwise the next time: of the network, of busy services, locks and machines.

Programs write them in many ways. A refusal beside them counts more: the same password is refused again.
"""

import re
from typing import Final

from wfreport.core.classify.kubelet_messages import NETWORK_ERRORS
from wfreport.core.classify.message_patterns import message_pattern

_CONNECTION: Final = (
    r"ECONNREFUSED|ECONNRESET|ECONNABORTED|E(?:SOCKET)?TIMEDOUT|EAI_AGAIN|ConnectTimeout|ConnectionTimeout|"
    r"(?:Read|Open)Timeout|UND_ERR_(?:CONNECT_TIMEOUT|SOCKET)|socket hang up|TypeError: fetch failed|"
    r"(?:getaddrinfo|query\w{1,8}|code:?|errno:?|reason:) ['\"]?ENOTFOUND\b|"
    r"could not connect to server|lost connection to|Max retries exceeded|error sending request for url|"
    r"closed (?:the )?connection|connection (?:was |has been )?(?:aborted|closed|lost|failed|interrupted)|"
    r"connection attempt failed|forcibly closed|socket (?:was |is )?closed|prematurely closed|"
    r"terminating connection due to|could(?: not|n't) resolve (?:host|proxy)|unable to resolve host|"
    r"could not translate host name|unable to load the service index|unknown host: |"
    r"temporary failure resolving|name or service not known|failed to lookup address|getaddrinfo failed|"
    r"DNS (?:resolution failed|error)|(?:recv|send) (?:error|failure)|SSL_ERROR_SYSCALL|was not closed cleanly|"
    r"curl(?:: | error:? )\(?(?:5|6|7|16|18|28|35|52|55|56|92)\b|RPC failed; (?:curl \d|result=18|HTTP 5)|"
    r"npm (?:ERR!|error) network |(?:receiving data from|sending data to) the peer|timeout (?:was )?reached|"
    r"timed? ?out (?:while )?waiting for |transfer closed with outstanding read data|transport is closing|"
    r"unexpected (?:end of stream|disconnect)|IOException: Premature EOF|"
    r"premature end of (?:chunk|response|Content-Length|stream)|"
    r"tried to reconnect at offset|Timeout(?:Exception|Error)\b|"
    r"code = (?:Unavailable|DeadlineExceeded|Aborted)\b|StatusCode\.(?:UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED)\b|"
    r"(?:could ?n[o']t|unable to|cannot|can't|failed to) connect to (?!the Docker daemon)[^\n]{0,100}?"
    r"(?:server|\bstore|host|backend|database|\bDB\b|broker|cluster|service|address|endpoint|registry|\bAPI\b|port \d|"
    r":\d{2,5}\b|\w\.[a-z]{2}|\d\.\d|://|redis|mongo|kafka|rabbit|mysql|postgres|elastic|vault|zookeeper|minio)|"
    r"\bread (?:operation )?timed out|"
    r"(?:connect|socket|host|server|network|database|http|request|port)[^\n]{0,200}(?:timed out|timeout expired)"
)
"""A name that was not resolved, a connection that was refused, a stream that broke."""

_NETWORK_EXCEPTION: Final = (
    r"\b(?:Connection(?:Error|Refused|Reset|Aborted|Closed)\w{0,20}|ChunkedEncodingError|IncompleteRead|ProtocolError|"
    r"(?:Remote|Server)Disconnected(?:Error)?|ClientConnectorError|EndpointConnectionError|"  # Python
    r"(?:Socket|Connect|UnknownHost|NoRouteToHost|NoHttpResponse|ConnectionClosed|PrematureClose)Exception)\b"  # Java
)
"""What clients in Python and Java name such a failure."""

_COUNTED: Final = (
    r"(?! (?:rows?|records?|items?|files?|lines?|entries|columns?|values|samples?|objects)\b)"
    r"(?! (?:documents?|messages|events|keys|users|tests?|checks?|points|partitions|tables|images?)\b)"
    r"(?! \w{5,20} (?:rows?|records?|items?|files?|lines?|entries)\b)"
)
"""What must not follow a status: a noun, because the number is then a count, such as ``500 rows``."""

_OVERLOAD: Final = (
    r"too ?many ?(?:requests|connections|clients)|remaining connection slots|"
    r"rate limit(?:ed| exceeded)|exceeded (?:the )?rate limits?\b|reduce your request rate|"
    r"(?-i:\bSlowDown\b|\bSlow Down\b)|\bThrottl(?:ing|ed)(?!_)|"
    r": Rate exceeded|RequestLimitExceeded|ThroughputExceeded|"
    rf"(?:HTTP(?:/[12](?:\.[01])?)?|status|code)[ :=\"(\[]{{1,4}}(?:429|50[0234])\b{_COUNTED}|"
    rf"(?:error|exception)[ :=\"(\[]{{1,4}}(?:(?:429|50[234])\b{_COUNTED}|500\b(?! (?-i:[a-z])))|"
    rf"(?:https?\b|\bGET\b|\bPOST\b|\bPUT\b|server|request|service|\bAPI\b)[^\n]{{0,200}}\b(?:got|returned) "
    rf"(?:429|50[0234])\b{_COUNTED}|Internal Server Error|please retry\b|: Try again$|"
    r"circuit_breaking_exception|bad gateway|service (?:is )?(?:temporarily )?unavailable|gateway time-?out|"
    r"try again later|database system is (?:starting up|shutting down|in recovery mode|not yet accepting)|"
    r"is loading the dataset|(?:temporarily|currently) (?:read-only|unavailable|overloaded|unreachable|out of service)|"
    r"(?:under|for|in) maintenance\b"
)
"""A service that is overloaded, that throttles, or that starts."""

_LOCK: Final = (
    r"deadlock (?:found|detected)|try restarting transaction|could not serialize access|"
    r"lock wait timeout exceeded|could not obtain lock|acquiring the state lock|"
    r"locked: unavailable|could not get lock /|"
    r"another \w{1,20} (?:\([a-z/]{1,40}\) )?is (?:currently |already )?in progress|"
    r"\b(?:stack|state|database|table) is (?:currently |already )?locked"
)
"""A lock that somebody else held."""

_MACHINE: Final = (
    r"uncorrectable ECC|ERROR_ECC_UNCORRECTABLE|fallen off the bus|GPU is lost|ExecutorLostFailure|FetchFailedException"
)
"""A machine that broke, below the program or beside it."""

_TEMPORARY: Final = message_pattern(
    f"{NETWORK_ERRORS.pattern}|{_CONNECTION}|{_NETWORK_EXCEPTION}|{_OVERLOAD}|{_LOCK}|{_MACHINE}", re.IGNORECASE
)
"""What may be otherwise the next time."""

_REFUSED: Final = message_pattern(
    r"(?:incorrect|invalid|wrong|bad) (?:[\w/]{1,20} ){0,3}password|no password supplied|login failed for user|"
    r"password (?:authentication )?(?:failed|(?:is |was )?(?:incorrect|wrong|invalid|required)|(?:has )?expired)|"
    r"invalid connection (?:string|ur[il])|Host key verification failed|"
    r"(?:database|role|user) \S{1,100} does not exist|unknown database|no pg_hba\.conf entry|"
    r"authentication (?:failed|required)|\bunauthorized\b|(?:access|permission) denied|"
    r"no such file or directory|404 Not Found|\bAssertionError\b|\b\d{3} != \d{3}\b|"  # of a socket, a page, a test
    r"\b(?:Import|ModuleNotFound|Name|Attribute|Syntax|Key)Error: |TypeError: (?!fetch failed)|"  # names in code
    r"unreported exception |cannot find symbol|syntax error|unexpected EOF while (?:looking|parsing)|"
    r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|\bx509: |certificate (?:has expired|signed by unknown)",
    re.IGNORECASE,
)
"""What a connection was refused for, a test expected, or code does not know: it is the same the next time."""


def is_temporary(line: str) -> bool:
    """Return whether a line of a log tells of a failure that another attempt may not meet."""
    return bool(_TEMPORARY.search(line)) and not _REFUSED.search(line)
