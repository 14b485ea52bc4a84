"""Routes of a learner's sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from shared.db import Session
from shared.ratelimit import per_user
from shared.tokens import CurrentUser

from game.api.dependencies import IdempotencyKey, ReceiptVerifierDep, StorageDep
from game.commands import sessions as commands
from game.queries import sessions as queries
from game.schemas.sessions import SavedSession, SessionCreate, SessionFilter, SessionPage, SessionRead

router = APIRouter(prefix="/api/v1")


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
    new: SessionCreate,
    session: Session,
    learner: CurrentUser,
    receipts: ReceiptVerifierDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SavedSession:
    """Save a finished game.

    With an `Idempotency-Key`, or an `id` in the body, the request can be repeated: the same one is answered
    as the first time, with `Idempotency-Replayed: true`. Results may come in any order. A speech that was
    deleted or edited meanwhile is kept as it was played. A score whose receipt is missing, expired, used, or
    not about this learner and speech is kept too, but not verified.
    """
    saved = await commands.save_session(session, learner.id, new=new, key=idempotency_key, receipts=receipts)
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
    return await queries.list_sessions(session, learner.id, wanted=wanted)


@router.get(
    "/game/sessions/{session_id}",
    tags=["Game"],
    dependencies=[Depends(per_user("read_sessions", per_minute=100))],
    responses={
        403: {"description": "`not_your_session`: it is another learner's."},
        404: {"description": "`session_not_found`"},
    },
)
async def get_session(
    session_id: UUID, session: Session, learner: CurrentUser, storage: StorageDep
) -> SessionRead:
    """One of your sessions, its speeches as they were when it was played."""
    return await queries.get_session(session, session_id, learner=learner.id, storage=storage)
