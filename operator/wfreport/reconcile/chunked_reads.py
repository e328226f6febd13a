"""Reads many Workflows by chunked lists, and requests their reconciles."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Final

from wfreport.kube.errors import ApiError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pages import PageSize
from wfreport.kube.read_ahead import WorkflowBody
from wfreport.kube.workflows import Workflows
from wfreport.logs import kv, throttled
from wfreport.runtime.requests import ReconcileRequests
from wfreport.runtime.workqueue import Priority

log = logging.getLogger(__name__)

PAGE_BYTES: Final = 1 << 20
FIRST_PAGE: Final = 5
_MOST_ITEMS: Final = 200


class ChunkedReader:
    """Reads Workflows ahead of their reconciles."""

    def __init__(self, workflows: Workflows, requests: ReconcileRequests) -> None:
        self._workflows = workflows
        self._requests = requests

    async def read(
        self,
        wanted: Mapping[str | None, Set[NamespacedName]],
        *,
        label_selector: str,
        is_usable: Callable[[WorkflowBody], bool] = lambda _: True,
    ) -> None:
        """Request the reconcile of Workflows, each with the body that a list has read.

        A Workflow that the lists do not return, or not usable, is requested without one, and is then read by a GET.

        Args:
            wanted: names of Workflows, by the namespace to list; None: by one list of the whole cluster. The lists take
                turns, page by page.
            label_selector: selects the Workflows to list.
            is_usable: whether a Workflow is as new as it has to be.
        """
        turns = deque(_ChunkedList(scope, set(names)) for scope, names in wanted.items())
        while turns:
            current = turns.popleft()
            page: list[WorkflowBody] = []
            is_last = True  # if the list fails
            try:
                page, is_last = await current.next_page(self._workflows, label_selector)
            except ApiError as error:
                pairs = kv(error=type(error).__name__, reason=error.message)
                log.warning("list of Workflows failed, reading them one by one", extra=pairs | throttled(type(error)))
            except Exception:
                log.exception("list of Workflows failed: unexpected exception, reading them one by one")
            for listed in page:
                if listed.name in current.unread and is_usable(listed):
                    current.unread.discard(listed.name)
                    self._workflows.read_ahead.put(listed)
                    self.request([listed.name], min_resource_version=listed.meta.version)
            if is_last or not current.unread:
                self.request(current.unread)
            else:
                turns.append(current)
            await self._workflows.read_ahead.wait_for_room()

    def request(self, names: Iterable[NamespacedName], *, min_resource_version: int = 0) -> None:
        """Request reconciles. Urgent ones go first: these are not urgent."""
        for name in names:
            self._requests.enqueue_workflow(name, Priority.PROGRESS, min_resource_version=min_resource_version)


class _ChunkedList:
    """A list of one namespace, page by page."""

    def __init__(self, namespace: str | None, unread: set[NamespacedName]) -> None:
        self.unread = unread
        self._namespace = namespace
        self._size = PageSize(first=FIRST_PAGE, most=_MOST_ITEMS, page_bytes=PAGE_BYTES)
        self._continue_token = ""

    async def next_page(self, workflows: Workflows, label_selector: str) -> tuple[list[WorkflowBody], bool]:
        page, token = await workflows.list_page(
            self._namespace, label_selector=label_selector, limit=self._size.items, continue_token=self._continue_token
        )
        self._size.observe(len(page), sum(len(listed.body) for listed in page))
        self._continue_token = token
        return page, not token
