"""The HTTP interface of the game service."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from shared.data.db import Database
from shared.data.storage import Storage
from shared.http.dependencies import Session
from shared.http.ratelimit import per_user
from shared.security.current_user import CurrentUser, Editor

from game import commands, queries
from game.receipts import Receipts
from game.schemas import (
    NewSession,
    Overview,
    Period,
    SavedSession,
    SessionDetail,
    SessionFilter,
    SessionPage,
    Stats,
)

router = APIRouter(prefix="/api/v1")
internal = APIRouter(prefix="/internal", include_in_schema=False)
"""Asked by other services in a learner's name. The gateway has no route to it."""


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _receipts(request: Request) -> Receipts:
    receipts: Receipts = request.app.state.receipts
    return receipts


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


OpenDatabase = Annotated[Database, Depends(_database)]
KnownReceipts = Annotated[Receipts, Depends(_receipts)]
AudioStorage = Annotated[Storage, Depends(_storage)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Makes repeating the request safe: visible ASCII, new for every session, yours alone.",
    ),
]
TimeZone = Annotated[str, Query(max_length=64, description="IANA name, such as Europe/Berlin.")]


@router.post(
    "/game/sessions",
    status_code=201,
    tags=["Game"],
    dependencies=[Depends(per_user("save_session", per_minute=60))],
    responses={
        404: {"description": "`speech_not_found`: there never were the speeches that `speech_ids` names."},
        409: {"description": "`idempotency_conflict`: the key or the id belongs to another request."},
        422: {"description": "`validation_failed`, or `aggregate_mismatch`: `errors` names them."},
    },
)
async def save_session(
    new: NewSession,
    session: Session,
    learner: CurrentUser,
    receipts: KnownReceipts,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SavedSession:
    """Save a finished game.

    With an `Idempotency-Key`, or an `id` in the body, the request can be repeated: the same one is answered
    as the first time, with `Idempotency-Replayed: true`. Results may come in any order. A speech that was
    deleted or edited meanwhile is kept as it was played. A score whose receipt is missing, expired, used, or
    not about this learner and speech is kept too, but not verified.
    """
    saved = await commands.complete_session(
        session, learner.id, new=new, key=idempotency_key, receipts=receipts
    )
    if saved.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    summary = saved.session
    message = f"Saved: {summary.correct_count} of {summary.total_sentences} sentences correct."
    return SavedSession(session_id=summary.id, message=message, session=summary)


@router.get(
    "/game/sessions",
    tags=["Game"],
    dependencies=[Depends(per_user("read_sessions", per_minute=100))],
)
async def list_sessions(
    wanted: Annotated[SessionFilter, Query()], session: Session, learner: CurrentUser
) -> SessionPage:
    """Your sessions, newest first, by `page` or, at any depth, by following `next_cursor`."""
    return await queries.sessions_of(session, learner.id, wanted=wanted)


@router.get(
    "/game/sessions/{session_id}",
    tags=["Game"],
    dependencies=[Depends(per_user("read_sessions", per_minute=100))],
    responses={
        403: {"description": "`not_your_session`: it is another learner's."},
        404: {"description": "`session_not_found`"},
    },
)
async def read_session(
    session_id: UUID, session: Session, learner: CurrentUser, storage: AudioStorage
) -> SessionDetail:
    """One of your sessions, its speeches as they were when it was played."""
    return await queries.session_detail(session, session_id, learner=learner.id, storage=storage)


@router.get(
    "/game/stats",
    tags=["Game"],
    dependencies=[Depends(per_user("stats", per_minute=100))],
)
async def read_stats(session: Session, learner: CurrentUser, tz: TimeZone = "UTC") -> Stats:
    """Your progress, its days and streaks in the time zone `tz`."""
    return await queries.stats_of(session, learner.id, tz=tz)


@router.get(
    "/admin/analytics/overview",
    tags=["Admin"],
    dependencies=[Depends(per_user("admin", per_minute=200))],
)
async def read_overview(period: Annotated[Period, Query()], session: Session, _: Editor) -> Overview:
    """Activity of all learners by UTC day."""
    return await queries.overview(session, period=period)


@internal.get("/users/me/export", dependencies=[Depends(per_user("export", per_minute=10))])
async def export(database: OpenDatabase, learner: CurrentUser) -> StreamingResponse:
    """Everything that is held on the learner. A failure on the way breaks the connection off."""
    document = queries.export_of(database, learner.id)
    # Read before the status is sent, so that a database that is away is a 503.
    start = await anext(document)

    async def pieces() -> AsyncIterator[bytes]:
        yield start
        async for piece in document:
            yield piece

    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(pieces(), headers=headers, media_type="application/json")
