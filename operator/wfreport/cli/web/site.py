"""The web application: its routes, and how a page or an error is answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.live_page import PageLink, Shell, message_html, missing_run_html, page_html
from wfreport.cli.web.feeds import SharedFeed, TooManyFeedsError
from wfreport.cli.web.guard import HEALTH_PATH, AccessRules, add_security_headers, guard
from wfreport.cli.web.rights import missing_right
from wfreport.cli.web.stream import LiveStream
from wfreport.cli.web.trends_page import TrendsPage
from wfreport.cli.web.viewers import MissingTokenError, TooManyViewersError, Viewers
from wfreport.cli.web.views import LIVE_VIEWS, LiveView, NavigablePage, PageAddress, PageRequest, RunNotFoundError
from wfreport.core.page.texts import line
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, UnauthorizedError
from wfreport.kube.kinds import REPORT
from wfreport.kube.objects import Item
from wfreport.kube.resource import Resource

STREAMS_MAX: Final = 100
_ANONYMOUS: Final = (
    "This page needs a bearer token of the cluster in the Authorization header; the proxy in front of it adds one."
)
_NOT_THERE: Final = (
    "The API server does not have it: check the name of the namespace, and that wfreport's CRDs are installed."
)
_BUSY: Final = "Too many pages are open at once. Close some, and reload."

Render = Callable[[PageRequest], Awaitable[str]]


class TooManyStreamsError(Exception):
    """All live streams are in use."""


_EXPECTED: Final = (
    ApiError,
    UnusableInput,
    RunNotFoundError,
    MissingTokenError,
    TooManyFeedsError,
    TooManyViewersError,
    TooManyStreamsError,
)


class Site:
    """The pages of the live view.

    Args:
        viewers: whose rights a request uses.
        rules: which requests are answered.
        streams_max: the most live streams at the same time.
    """

    def __init__(self, viewers: Viewers, rules: AccessRules, *, streams_max: int = STREAMS_MAX) -> None:
        self._viewers = viewers
        self._rules = rules
        self._streams_max = streams_max
        self._streams: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        """Return the application. Its clean-up ends all streams and watches."""
        app = web.Application(middlewares=[guard(self._rules)])
        app.on_response_prepare.append(add_security_headers)
        app.on_shutdown.append(self._end_streams)
        app.on_cleanup.append(self._end_watches)
        # the router must not compare the secret: the guard does, in constant time
        base = "/{secret}" if self._rules.secret else ""
        for path, view in LIVE_VIEWS:
            app.router.add_get(f"{base}{path}", partial(self._live_page, view))
            app.router.add_get(f"{base}/events{path}", partial(self._stream, view), allow_head=False)
        app.router.add_get(f"{base}/trends", self._trends)
        app.router.add_get(HEALTH_PATH, _healthy)
        return app

    async def _live_page(self, view: LiveView, request: web.Request) -> web.Response:
        async def render(page: PageRequest) -> str:
            async with page.viewer.feeds.open(page.namespace) as feed:
                return await view.fragment(page, feed)

        return await self._page(view, request, render, is_live=True)

    async def _trends(self, request: web.Request) -> web.Response:
        page = TrendsPage()
        return await self._page(page, request, page.fragment, is_live=False)

    async def _page(self, page: NavigablePage, request: web.Request, render: Render, *, is_live: bool) -> web.Response:
        address, status = self._address(request), HTTPStatus.OK
        try:
            async with self._reader(request, address) as reader:
                fragment = await render(reader)
                where = f"Namespace {line(reader.namespace)}" if reader.namespace else "All namespaces"
        except _EXPECTED as error:
            status, problem = problem_of(error, address.namespace)
            where, is_live = "", False
            is_run = page.id == "run"
            fragment = missing_run_html(page.title(address), problem) if is_run else message_html(problem)
        events = f"{address.base}/events{request.path.removeprefix(address.base)}" if is_live else ""
        shell = Shell(
            current=page.id,
            title=page.title(address),
            base=address.base,
            links=_links(address),
            where=where,
            events=events,
            form=page.form(address),
        )
        text = await asyncio.to_thread(page_html, shell, fragment)
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        body = text.encode("utf-8", "replace")
        return web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=headers)

    async def _stream(self, view: LiveView, request: web.Request) -> web.StreamResponse:
        address = self._address(request)
        stream = LiveStream(request, request.query.get("have", ""), interval_seconds=view.interval_seconds)
        try:
            async with (
                self._counted_stream(),
                self._reader(request, address) as reader,
                reader.viewer.feeds.open(reader.namespace) as feed,
            ):
                await stream.open()
                await stream.follow(feed, partial(view.state, address, feed), partial(_followed, view, reader, feed))
        except _EXPECTED as error:
            status, problem = problem_of(error, address.namespace)
            if not stream.is_open:
                return web.Response(status=status, text=f"{problem}\n")
            with suppress(OSError):
                await stream.report(problem)
        except OSError:  # the viewer has gone, or does not read
            pass
        return stream.response

    @asynccontextmanager
    async def _reader(self, request: web.Request, address: PageAddress) -> AsyncIterator[PageRequest]:
        """Find the viewer of a request, and have the API server check its rights now: a watch may have begun earlier.

        Raises:
            ApiError: it may not read the reports, or the request failed.
        """
        async with self._viewers.of(request.headers) as viewer:
            reader = PageRequest(address, viewer)
            reports = Resource(viewer.cluster.client, REPORT, Item, metadata_only=True)
            await reports.list_page(reader.namespace, limit=1)
            yield reader

    def _address(self, request: web.Request) -> PageAddress:
        match = {name: value for name, value in request.match_info.items() if name != "secret"}
        return PageAddress(self._rules.base, request.query, match)

    @asynccontextmanager
    async def _counted_stream(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if task is None or len(self._streams) >= self._streams_max:
            raise TooManyStreamsError
        self._streams.add(task)
        try:
            yield
        finally:
            self._streams.discard(task)

    async def _end_streams(self, app: web.Application) -> None:
        del app
        for task in list(self._streams):
            task.cancel()

    async def _end_watches(self, app: web.Application) -> None:
        del app
        await self._viewers.close()


async def _followed(view: LiveView, reader: PageRequest, feed: SharedFeed) -> str:
    """Render the fragment of a stream; a report that was deleted may come back."""
    try:
        return await view.fragment(reader, feed)
    except RunNotFoundError as error:
        return missing_run_html(view.title(reader.address), str(error))


def problem_of(error: Exception, namespace: str | None) -> tuple[HTTPStatus, str]:
    """Return the status and the message for an error that is no fault of the program."""
    unanswered = f"The API server does not answer: {line(str(error), 1000)}"
    answers: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
        (MissingTokenError, HTTPStatus.UNAUTHORIZED, _ANONYMOUS),
        (UnauthorizedError, HTTPStatus.UNAUTHORIZED, missing_right(error, namespace, REPORT)),
        (ForbiddenError, HTTPStatus.FORBIDDEN, missing_right(error, namespace, REPORT)),
        (NotFoundError, HTTPStatus.NOT_FOUND, _NOT_THERE),
        (RunNotFoundError, HTTPStatus.NOT_FOUND, str(error)),
        (UnusableInput, HTTPStatus.BAD_GATEWAY, line(str(error), 1000)),
        (ApiError, HTTPStatus.BAD_GATEWAY, unanswered),
    )
    fitting = (answer[1:] for answer in answers if isinstance(error, answer[0]))
    return next(fitting, (HTTPStatus.SERVICE_UNAVAILABLE, _BUSY))


def _links(address: PageAddress) -> list[PageLink]:
    query = f"?{urlencode({'namespace': address.namespace})}" if address.namespace else ""
    pages = (("runs", "Runs", "/"), ("trends", "Trends", "/trends"), ("remediations", "Remediations", "/remediations"))
    return [PageLink(name, label, f"{address.base}{path}{query}") for name, label, path in pages]


async def _healthy(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok\n")
