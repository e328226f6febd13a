"""Lists a collection page by page, with as many objects in a page as fit into little memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from wfreport.kube.client import ACCEPT_JSON, Client, decoded_by_size
from wfreport.kube.errors import GoneError, TooLargeError
from wfreport.kube.pages import Page, list_page_size

PageT = TypeVar("PageT", bound=Page)


async def list_pages(
    client: Client,
    resource: str,
    path: str,
    decode: Callable[[bytes], PageT],
    *,
    limit: int,
    params: Mapping[str, str] | None = None,
    accept: str = ACCEPT_JSON,
    max_bytes: int | None = None,
) -> AsyncIterator[PageT]:
    """List a collection in pages of ``limit`` objects at most, fewer if they are large.

    If its snapshot expires, the rest is listed as it is by then: what exists all the time is listed once.

    Args:
        client: makes the requests.
        resource: the plural, for the metrics.
        path: from ``/api``.
        decode: decodes a page.
        limit: most objects of a page.
        params: the query.
        accept: the media type to request.
        max_bytes: no further page is requested after so many bytes.

    Raises:
        GoneError: the snapshot expired, and the server does not continue the list; start over.
        ApiError: a page failed.
    """
    query, size, total_bytes = dict(params or {}), list_page_size(limit), 0
    request = partial(client.request, "list", resource, path, params=query, accept=accept)
    while True:
        query["limit"] = str(size.items)
        try:
            body = await _continued(request, query)
        except TooLargeError:
            if not size.shrink():
                raise
            continue
        page = await decoded_by_size(decode, body)
        size.observe(len(page.items or ()), len(body))
        total_bytes += len(body)
        yield page
        if not page.metadata.continue_token or (max_bytes is not None and total_bytes >= max_bytes):
            return
        query["continue"] = page.metadata.continue_token


async def _continued(request: Callable[[], Awaitable[bytes]], query: dict[str, str]) -> bytes:
    """Request a page, and once more from where an expired snapshot can be continued."""
    try:
        return await request()
    except GoneError as error:
        if not error.continue_token:
            raise
        query["continue"] = error.continue_token
        return await request()
