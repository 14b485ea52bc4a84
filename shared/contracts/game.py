"""Events of the game service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from contracts.event import Event
from contracts.vocabulary import SessionMode, UserResponse


class CompletedResult(BaseModel):
    """The result of one speech in a session.

    `pronunciation_score` is 0-100, or null without a score. `scorer` names what made a verified score, with
    its version; null for other scores.
    """

    speech_id: UUID
    user_response: UserResponse
    response_time_ms: int
    pronunciation_score: float | None = None
    verified: bool = False
    scorer: str | None = None


class CompletedSession(BaseModel):
    """A finished game, with its results in the order of play."""

    session_id: UUID
    user_id: UUID
    mode: SessionMode
    level: str
    duration_seconds: int
    completed_at: AwareDatetime
    utc_offset_minutes: int | None = None
    results: list[CompletedResult]


class SessionCompleted(Event):
    """A learner finished a game, and it was saved."""

    consumers: ClassVar[tuple[str, ...]] = ("content", "game")

    type: Literal["parley.game.session_completed.v1"] = "parley.game.session_completed.v1"
    source: Literal["/parley/game"] = "/parley/game"
    data: CompletedSession


class DeletedSession(BaseModel):
    """A saved game that an admin deleted, with the results that its SessionCompleted had."""

    session_id: UUID
    user_id: UUID
    results: list[CompletedResult]


class SessionDeleted(Event):
    """A saved game was deleted. Consumers subtract its results from their figures."""

    consumers: ClassVar[tuple[str, ...]] = ("content",)

    type: Literal["parley.game.session_deleted.v1"] = "parley.game.session_deleted.v1"
    source: Literal["/parley/game"] = "/parley/game"
    data: DeletedSession
