"""A receiver of OTLP over HTTP that decodes the protobuf, as a collector does."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.served import served


@dataclass
class Answer:
    """What the receiver answers instead of 200."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    rejected_spans: int = 0


@dataclass
class Received:
    """The requests so far."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """All spans of all requests."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def otlp_receiver() -> Iterator[Received]:
    """Serve a receiver on loopback until the block ends."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            received.paths.append(self.path)
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = received.answers.pop(0) if received.answers else Answer(200)
            if answer.status == 200:
                received.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            partial = ExportTracePartialSuccess(rejected_spans=answer.rejected_spans, error_message="too old")
            content = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with served(Handler) as received.url:
        yield received
