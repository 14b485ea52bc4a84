import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AfterValidator, WithJsonSchema
from shared.http.dependencies import SessionDep, StorageDep
from shared.http.problems import Responses
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from game.api.dependencies import LearnerDep, ReceiptVerifierDep, RefusalLimitedRoute, learner_errors
from game.commands import sessions as commands
from game.errors import (
    AggregateMismatch,
    IdempotencyConflict,
    ImplausibleClock,
    NotYourSession,
    SessionNotFound,
    SpeechNotFound,
    SpeechNotKnownYet,
)
from game.queries import sessions as queries
from game.schemas.sessions import SavedSession, SessionCreate, SessionFilter, SessionPage, SessionRead

router = APIRouter(prefix="/api/v1/game/sessions", tags=["Game"], route_class=RefusalLimitedRoute)
SAVE_LIMIT, SAVES_PER_MINUTE = "save_session", 60
READ_LIMIT = [Depends(limit_per_user("read_sessions", per_minute=100))]

KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"


def _validate_key(key: str) -> str:
    if not re.fullmatch(KEY_PATTERN, key):
        raise ValueError("must have 1 to 255 characters, all visible ASCII without spaces")
    return key


IdempotencyKey = Annotated[
    Annotated[str, AfterValidator(_validate_key), WithJsonSchema({"type": "string", "pattern": KEY_PATTERN})]
    | None,
    Header(
        description="Makes the request safe to repeat. Visible ASCII, new for every session.",
        examples=["5b0d7f0e-9f0a-4d53-8a0b-8f5f0f9c2f11"],
    ),
]
SAVED_RESPONSE: Responses = {
    201: {
        "headers": {
            "Idempotency-Replayed": {
                "description": "`true` if an earlier request saved the session.",
                "schema": {"type": "string"},
            }
        }
    }
}


@router.post(
    "",
    status_code=201,
    response_description="The saved session.",
    dependencies=[Depends(limit_per_user(SAVE_LIMIT, per_minute=SAVES_PER_MINUTE))],
    responses=SAVED_RESPONSE
    | learner_errors(
        SpeechNotFound, SpeechNotKnownYet, IdempotencyConflict, AggregateMismatch, ImplausibleClock
    ),
)
async def save_session(
    new: SessionCreate,
    session: SessionDep,
    learner: CurrentUser,
    receipts: ReceiptVerifierDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SavedSession:
    """Save a finished session.

    With an `Idempotency-Key` header or an `id` in the body the request is safe to repeat: the same request
    gets the first response again, with `Idempotency-Replayed: true`. An id that is sent as the key counts
    like one in the body. Results may come in any order. The server computes the totals; totals that you
    send must agree with the results. A speech that was edited or deleted since is saved as it was played. A
    score whose receipt is missing, expired, already used, or for another learner or text is saved as
    unverified. Times from a wrong clock are corrected; the response then has `clock_adjusted: true`.
    """
    saved = await commands.save_session(session, learner.id, new=new, key=idempotency_key, receipts=receipts)
    if saved.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    summary = saved.session
    message = f"Saved: {summary.correct_count} of {summary.total_sentences} sentences correct."
    return SavedSession(
        session_id=summary.id, message=message, clock_adjusted=summary.clock_adjusted, session=summary
    )


@router.get(
    "",
    response_description="One page of your sessions.",
    dependencies=READ_LIMIT,
    responses=learner_errors(),
)
async def list_sessions(
    filters: Annotated[SessionFilter, Query()], session: SessionDep, learner: LearnerDep
) -> SessionPage:
    """List your sessions, newest first.

    Use `page` for the first 10,000 sessions, or follow `next_cursor`, which leads through all of them.
    """
    return await queries.list_sessions(session, learner.id, filters=filters)


@router.get(
    "/{session_id}",
    response_description="The session with its results.",
    dependencies=READ_LIMIT,
    responses=learner_errors(NotYourSession, SessionNotFound),
)
async def get_session(
    session_id: UUID, session: SessionDep, learner: LearnerDep, storage: StorageDep
) -> SessionRead:
    """Get one of your sessions with its results.

    Its speeches are shown as they were when the session started. Each `audio_url` is valid for at least 30
    minutes.
    """
    return await queries.get_session(session, session_id, user_id=learner.id, storage=storage)
