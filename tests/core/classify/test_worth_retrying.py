"""A step whose log ends with a lost connection is worth a retry; any other exit code makes one unlikely to help."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot
from tests.core.pods import a_pod, ended

from wfreport.api.argo import Phase
from wfreport.api.report import Failure
from wfreport.core.snapshot.model import PodEvidence

LOST = (
    'psycopg2.OperationalError: connection to server at "db" (10.0.0.7), port 5432 failed: timeout expired',
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api', port=443): Max retries exceeded with url: /",
    "dial tcp 10.0.0.7:5432: connect: connection refused",
    "Error: connect ECONNREFUSED 10.0.0.7:6379",
    "curl: (28) Connection timed out after 30001 milliseconds",
    "java.net.SocketTimeoutException: connect timed out",
    "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.example.com/pages",
    "curl: (22) The requested URL returned error: 503",
    "toomanyrequests: You have reached your unauthenticated pull rate limit.",
    "error: unexpected status code: 502",
    "googleapi: Error 429: Rate Limit Exceeded, rateLimitExceeded",
    "grpc: the service is currently unavailable: HTTP/1.1 503 Service Unavailable",
    "fatal: unable to access 'https://github.com/a/b.git/': Could not resolve host: github.com",
    "W: Failed to fetch http://deb.debian.org/InRelease  Temporary failure resolving 'deb.debian.org'",
    "error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.",
    "npm error network read ECONNRESET",
    "An error occurred (SlowDown) when calling the GetObject operation: Please reduce your request rate.",
    "botocore.exceptions.ClientError: An error occurred (ThrottlingException) when calling X: Rate exceeded",
    "MySQLdb.OperationalError: (1213, 'Deadlock found when trying to get lock; try restarting transaction')",
    "│ Error: Error acquiring the state lock",
    "error: failed to solve: rpc error: code = Unknown desc = failed to load cache: ref a locked: unavailable",
    "error: failed to receive status: rpc error: code = Unavailable desc = transport is closing",
    "RuntimeError: CUDA error: uncorrectable ECC error encountered",
    "org.apache.spark.SparkException: Job aborted due to stage failure: ExecutorLostFailure (executor 0 lost)",
    "org.apache.kafka.common.errors.TimeoutException: Failed to update metadata after 60000 ms.",
    "RuntimeError: Could not connect to the Metadata store.",
    "failed to get successful HTTP response from `https://crates.io/a`, got 504",
    "Failure when receiving data from the peer",
    "[28] Timeout was reached (failed to download any data for `a v3.1.0` within 30s)",
    "google.api_core.exceptions.Forbidden: 403 Exceeded rate limits: too many concurrent queries",
    "elasticsearch.exceptions.TransportError: TransportError(429, 'es_rejected', 'full')",
    "│ Error: timeout while waiting for plugin to start",
    "error Error: https://registry.example.com/date-fns-2.30.0.tgz: ESOCKETTIMEDOUT",
    "BrokenPipe: server socket closed. Please check that client side networking is well.",
    "FATAL:  the database system is starting up",
    "FATAL:  sorry, too many clients already",
    "redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory",
    "java.io.IOException: Error downloading [https://a/b.zip]: GET returned 502 Bad Gateway or Proxy Error",
    "java.io.IOException: Tried to reconnect at offset 393,216 but server didn't support it",
    "java.io.IOException: Error downloading [https://a/b.zip]: Unknown host: github.com",
    "CondaHTTPError: HTTP 000 CONNECTION FAILED for url <https://conda.example.com/noarch/repodata.json>",
    "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
    "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected",
    "kubernetes.client.exceptions.ApiException: (500)",
    "java.net.ConnectException: Connection to a:8020 timed out",
    "Errors during downloading metadata: Curl error (6): Couldn't resolve host name",
    "curl: (35) OpenSSL/3.0.2: error:0A000126:SSL routines::unexpected eof while reading",
    "TypeError: fetch failed",
    "FATAL:  terminating connection due to administrator command",
    "ResumableUploadException: 503 Server Error",
    "ServiceException: 503 None",
    "error: [409] Conflict: Another update is currently in progress.",
    "error: the stack is currently locked by 1 lock(s).",
    "sqlite3.OperationalError: database is locked",
    'psycopg2.OperationalError: could not translate host name "db" to address: Try again',
    "/src/a.csproj : error NU1301: Unable to load the service index for source https://api.nuget.org/v3/index.json.",
    "CommandException: Some temporary components were not uploaded. Please retry this upload.",
    "writing blob: denied: System is currently read-only. Pulls will succeed.",
    "Error: the registry is down for maintenance",
    "org.apache.spark.shuffle.FetchFailedException: Failed to fetch map output",
    "okhttp3: unexpected end of stream on https://a.example.com/...",
    "ERROR request failed with status code 503 from http://api/x",
    "Error: upload failed: HTTP 503 for https://store/x",
    "ERROR upstream returned status 502 after 3 attempts",
    "requests failed: status=429 after 5 retries",
    "ERROR response code: 504 on GET /v1/items",
    "Error: API error 429 from OpenAI",
    "Error: 503 upstream connect error or disconnect/reset before headers",
    "Error reading database password from vault: dial tcp 10.0.0.3:8200: connect: connection refused",
    'failed to fetch password: Get "https://vault:8200/v1/secret": dial tcp: i/o timeout',
    "psycopg2.OperationalError: could not connect to server: Connection refused (using password: YES)",
    "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='x', port=80): Read timed out. url: /reset-password",
    "org.apache.http.ConnectionClosedException: Premature end of Content-Length delimited message body",
    "java.io.IOException: Premature EOF",
    "Error: getaddrinfo ENOTFOUND registry.example.com",
    "fetch-pack: unexpected disconnect while reading sideband packet",
    "redis.exceptions: Can't connect to Redis: refused",
    "ServiceException: 503 Slow Down",
)
OTHERS = (
    "ValueError: could not convert string to float: 'x'",
    "AssertionError: the network has 3 layers, 4 expected",
    'FATAL: password authentication failed for user "etl"',
    "Error: the report times out of range",
    "KeyError: 'rate limit of page 503'",
    "error: 1429 rows rejected",
    "HTTP 404: page 502 does not exist",
    "ValueError: expected 12 rows, got 5020",
    'error: deployment "api" exceeded its progress deadline',
    "FileNotFoundError: [Errno 2] No such file or directory: '/data/a'",
    "RuntimeError: Failed to connect to DB: acme.example.com:443. Incorrect username or password was specified.",
    "ssl.SSLError: HTTPSConnectionPool(host='api'): Max retries exceeded: certificate verify failed",
    "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    'psycopg.OperationalError: connection failed: FATAL:  database "etl" does not exist',
    "curl: (22) The requested URL returned error: 404",
    "ERROR: the thread timed out of its budget",
    "bash: -c: line 3: syntax error: unexpected end of file",
    "AssertionError: 500 rows expected",
    "Exception: 503 rows are missing",
    "ERROR: failed to connect to bus: No such file or directory",
    "ValueError: Unknown host type",
    "AssertionError: status code 503 != 200",
    "java.io.IOException: Stream closed",
    "psycopg2.InterfaceError: connection already closed",
    "xmlrpc.client.ProtocolError: <ProtocolError for a.example.com: 404 Not Found>",
    "ERROR: invalid value for maintenance_work_mem in maintenance_settings",
    "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413",
    "ERROR got 500 rows, want 100",
    "query returned 502 rows, expected 1",
    "Expected 100 rows but query returned 500",
    "Error: 429 items missing from manifest",
    "ERROR 503 invalid records failed validation",
    "error: 500 epochs without improvement",
    "AssertionError: expected status 200 but got 500",
    "test.py::test_a FAILED - status code: 500 != 200",
    "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; Premature end of file.",
    "Error: premature end of JSON input",
    "PIL: image file is truncated: premature end of JPEG",
    "NameError: name 'ConnectionError' is not defined",
    "ImportError: cannot import name 'TimeoutError' from 'asyncio'",
    "ModuleNotFoundError: No module named 'ConnectionError'",
    "TypeError: ReadTimeout() got an unexpected keyword argument",
    "Main.java:3: error: unreported exception SocketException; must be caught or declared to be thrown",
    "could not connect to display :0",
    "ValueError: cannot connect to output port: shapes differ",
    "networkx.exception: failed to connect to the graph",
    "ValueError: could not connect to node 'A' in graph: not in edge list",
    "Error: Cannot connect to MongoDB: invalid connection string",
    "fatal: unknown host type 'x86'",
    "ERROR unknown host group 'web' in inventory",
    "Error: unknown host key; Host key verification failed. Connection closed by 10.0.0.1 port 22",
    "Error: ENOTFOUND template 'x' in registry",
    "ValueError: I/O operation on closed file; stream closed",
    "ValueError: channel closed is not a valid state",
    "ERROR: throttled_items column missing",
    "Slow down: step took too long",
    "Error: read only file system; timed out",
    "./run.sh: line 12: unexpected EOF while looking for matching `''",
)


def failure_of(log: str, message: str = "main: Error (exit code 1)", lines: int | None = None) -> Failure:
    run = a_snapshot(a_node("wf", Phase.FAILED, message=message))
    pod = a_pod(ended("main", 1)) if message.startswith("main") else a_pod()
    evidence = {"wf": PodEvidence(pod, logs={"main": f"starting\n{log}\n"})}
    (failure,) = a_report(run, evidence=evidence, log_tail_lines=lines).failures or []
    return failure


@pytest.mark.parametrize("line", LOST)
def test_a_lost_connection_or_an_overloaded_service_is_worth_a_retry(line: str) -> None:
    failure = failure_of(line)
    assert (failure.failure_class, failure.owner, failure.retryable) == ("ExitCode", "User", True)


@pytest.mark.parametrize("line", OTHERS)
def test_another_error_is_not(line: str) -> None:
    assert failure_of(line).retryable is False


def test_a_line_says_nothing_about_a_failure_of_another_class() -> None:
    failure = failure_of(LOST[0], message="invalid spec: nothing")
    assert (failure.failure_class, failure.retryable) == ("TemplateError", False)


def test_without_logs_the_exit_code_decides() -> None:
    assert failure_of(LOST[0], lines=0).retryable is False


@pytest.mark.parametrize(
    ("detail", "log", "retryable"),
    [
        ("failed to execute component: rpc error: code = Unavailable desc = read: connection reset by peer", "", True),
        ("connection reset by peer", "ValueError: odd", False),
        ("ValueError: odd", "", False),
    ],
)
def test_the_last_words_of_a_program_count_if_its_log_has_none(detail: str, log: str, retryable: bool) -> None:
    run = a_snapshot(a_node("wf", Phase.FAILED, message=f"main: Error (exit code 1): {detail}"))
    evidence = {"wf": PodEvidence(a_pod(ended("main", 1)), logs={"main": log})} if log else {}
    (failure,) = a_report(run, evidence=evidence).failures or []
    assert (failure.failure_class, failure.retryable) == ("ExitCode", retryable)
