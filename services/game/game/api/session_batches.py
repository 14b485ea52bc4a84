from collections.abc import Iterator
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from shared.errors import Invalid
from shared.http.dependencies import DatabaseDep
from shared.http.problems import build_document, validate_part
from shared.http.ratelimit import get_rate_limits
from shared.security.current_user import CurrentUser

from game.api.dependencies import ReceiptVerifierDep, RefusalLimitedRoute, learner_errors
from game.api.sessions import SAVE_LIMIT, SAVES_PER_MINUTE
from game.commands import session_batches as commands
from game.commands.session_batches import Outcome
from game.commands.sessions import SaveResult
from game.schemas.session_batches import (
    BatchedOutcome,
    BatchedSession,
    Problem,
    SessionBatchCreate,
    SessionBatchSaved,
)

PATH = "/api/v1/game/sessions:batch"
router = APIRouter(tags=["Game"], route_class=RefusalLimitedRoute)


class _Identified(BaseModel):
    id: UUID


@router.post(PATH, response_description="The outcome for each session.", responses=learner_errors())
async def save_sessions(
    batch: SessionBatchCreate,
    request: Request,
    database: DatabaseDep,
    learner: CurrentUser,
    receipts: ReceiptVerifierDep,
) -> SessionBatchSaved:
    """Save the finished sessions that a device kept while it was offline.

    Sessions are saved in the order of the request. Each is saved or refused separately, as by
    `POST /api/v1/game/sessions`: `status`, `session` and `problem` are those of that operation. The pointers
    of a problem start at the session.

    Remove sessions with status 201 from the device, and send those with `retry_after` again after that many
    seconds. The others are refused, for the reason in `problem`. If the database fails midway, or the batch
    takes too long (`batch_interrupted`), the remaining sessions have status 503. The request is safe to
    repeat: a session that is already saved has `replayed: true`.

    Each session of a batch counts as one request of the limit `save_session`. Send one batch at a time: a
    second one of the same learner is refused with 503 `overloaded`. Refused requests have a limit, too. A
    body can have 960 KiB: after 413 `payload_too_large`, send fewer sessions at a time.
    """
    limits, count = get_rate_limits(request), len(batch.sessions)
    await limits.check(request, SAVE_LIMIT, str(learner.id), per_minute=SAVES_PER_MINUTE, cost=count)
    sessions = _validate_one_by_one(batch, request)
    outcomes = await commands.save_sessions(database, learner.id, sessions=sessions, receipts=receipts)
    results = [
        _to_read(sent, outcome, request=request)
        for sent, outcome in zip(batch.sessions, outcomes, strict=True)
    ]
    return SessionBatchSaved(results=results)


def _validate_one_by_one(batch: SessionBatchCreate, request: Request) -> Iterator[BatchedSession | Invalid]:
    # One at a time, because other requests are processed while a session is being saved.
    for index, sent in enumerate(batch.sessions):
        try:
            yield validate_part(request, BatchedSession, sent, location=("sessions", index))
        except Invalid as error:
            yield error


def _to_read(sent: object, outcome: Outcome, *, request: Request) -> BatchedOutcome:
    if isinstance(outcome, SaveResult):
        saved = outcome.session
        return BatchedOutcome(
            id=_find_id(sent),
            status=201,
            replayed=outcome.replayed,
            retry_after=None,
            session=saved,
            problem=None,
        )
    retry_after = outcome.headers.get("Retry-After")
    return BatchedOutcome(
        id=_find_id(sent),
        status=outcome.status,
        replayed=False,
        retry_after=int(retry_after) if retry_after else None,
        session=None,
        problem=Problem(build_document(outcome, request_id=request.state.request_id)),
    )


def _find_id(sent: object) -> UUID | None:
    try:
        return _Identified.model_validate(sent).id
    except ValidationError:
        return None
