"""Server-Sent Events. A stream holds neither a database connection nor a request slot."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from shared.errors import Unauthorized, Unavailable
from shared.http.dependencies import DatabaseDep, from_state
from shared.http.problems import Responses
from shared.security.current_user import AccessTokenVerifier, CurrentUser

from importer.api.dependencies import ImportId, create_import_router, editor_errors
from importer.domain.imports import FINISHED
from importer.domain.progress import find_seen_version
from importer.errors import ImportNotFound, StreamsFull, TooManyStreams
from importer.progress import ProgressFeed, StreamSlots, Watch
from importer.queries.imports import get_import_summary
from importer.schemas.imports import ImportSummary

RECONNECT_MS = 2000
CHECK_SECONDS = 1.0
EXAMPLE = 'retry: 2000\n\nevent: progress\ndata: {"id":"01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"}\nid: 7\n\n'
STREAM_RESPONSES: Responses = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    },
    204: {"description": "The import has ended, and the client has seen its last version."},
    **editor_errors(ImportNotFound, TooManyStreams, StreamsFull),
}

router = create_import_router()

LastEventId = Annotated[
    str,
    Header(alias="Last-Event-ID", description="The last `id` that the client has seen.", max_length=100),
]


class _Stream:
    """One client's view of an import."""

    def __init__(self, request: Request, watch: Watch[ImportSummary], *, seen_version: int) -> None:
        self._request, self._watch, self._seen_version = request, watch, seen_version

    @property
    def is_over(self) -> bool:
        latest = self._watch.latest
        return latest.state in FINISHED and latest.version <= self._seen_version

    async def follow(self) -> AsyncIterator[ImportSummary]:
        """Yield unseen versions until the import ends or the client must reconnect."""
        while not self.is_over and await self._is_still_allowed():
            item = await self._watch.wait_for_change(after=self._seen_version, seconds=CHECK_SECONDS)
            if item is not None:
                self._seen_version = item.version
                yield item

    async def _is_still_allowed(self) -> bool:
        state = self._request.app.state
        if getattr(state, "stopping", False):
            return False
        verifier: AccessTokenVerifier = state.token_verifier
        try:
            await verifier.authenticate(self._request.headers["authorization"].partition(" ")[2].strip())
        except Unauthorized:
            return False
        except Unavailable:
            # The token was valid a second ago; only the keys to verify it cannot be fetched right now.
            return True
        return True


async def _open_stream(
    job_id: ImportId,
    request: Request,
    response: Response,
    database: DatabaseDep,
    editor: CurrentUser,
    slots: Annotated[StreamSlots, from_state("stream_slots")],
    feed: Annotated[ProgressFeed[ImportSummary], from_state("progress_feed")],
    last_event_id: LastEventId = "",
) -> AsyncIterator[_Stream]:
    # FastAPI leaves the block after the response, however the stream ended.
    with ExitStack() as stack:
        stack.enter_context(slots.reserve(editor.id))
        item = await get_import_summary(database, job_id)
        watch = stack.enter_context(feed.watch(item))
        seen_version = find_seen_version(last_event_id, newest=item.version)
        stream = _Stream(request, watch, seen_version=seen_version)
        if stream.is_over:
            # Clients reconnect after any other response.
            response.status_code = 204
        _forbid_storing(request)
        yield stream


def _forbid_storing(request: Request) -> None:
    # The framework sets no-cache, which allows caches to store the response.
    headers = getattr(request.state, "response_headers", {})
    request.state.response_headers = {**headers, "Cache-Control": "no-store"}


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    response_description="The events.",
    responses=STREAM_RESPONSES,
)
async def stream_import_events(
    request: Request, stream: Annotated[_Stream, Depends(_open_stream)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream an import's progress as Server-Sent Events until it has ended.

    Each `progress` event carries the import as JSON, without its row errors; its `id` is the import's
    `version`. A client that reconnects with `Last-Event-ID` gets only what it has not seen, or 204 after the
    end. A comment every 15 seconds keeps the connection open. The stream ends when the access token expires.
    """
    if request.state.is_head or stream.is_over:
        return
    yield ServerSentEvent(retry=RECONNECT_MS)
    async for item in stream.follow():
        yield ServerSentEvent(data=item, event="progress", id=str(item.version))
