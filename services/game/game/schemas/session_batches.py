from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidatorFunctionWrapHandler, WrapValidator
from shared.http.fields import RequestModel

from game.schemas.sessions import SESSION_EXAMPLE, SESSION_ID, SessionCreate, SessionSummary

MAX_SESSIONS = 50


class BatchedSession(SessionCreate):
    """A finished session of a batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": SESSION_ID, **SESSION_EXAMPLE}]})

    id: UUID = Field(description="The session's id, which makes it safe to repeat.", examples=[SESSION_ID])


def _skip_validation(sent: Any, _: ValidatorFunctionWrapHandler) -> Any:
    # Unlike with pydantic's SkipValidation, the API document refers to the schema.
    return sent


class SessionBatchCreate(RequestModel):
    """Finished sessions. An invalid one gets a separate problem."""

    # Validated one by one, later: an invalid session must not keep the others from being saved.
    sessions: list[Annotated[BatchedSession, WrapValidator(_skip_validation)]] = Field(
        min_length=1, max_length=MAX_SESSIONS
    )


class Problem(RootModel[dict[str, Any]]):
    """An error as in RFC 9457. The API document replaces this schema by that of all errors."""


class BatchedOutcome(BaseModel):
    """The outcome of one session: `session` if it is saved, else `problem`."""

    id: UUID | None = Field(description="Null if the session has no valid id.", examples=[SESSION_ID])
    status: int = Field(description="The status that `POST /api/v1/game/sessions` returns.", examples=[201])
    replayed: bool = Field(
        description="Whether an earlier request saved it, or an earlier session of this batch.",
        examples=[False],
    )
    retry_after: int | None = Field(
        description="Seconds to wait before sending the session again; null if that would not help.",
        examples=[None],
    )
    session: SessionSummary | None
    problem: Problem | None


class SessionBatchSaved(BaseModel):
    """The outcomes of a batch."""

    results: list[BatchedOutcome] = Field(description="In the order of the request.")
