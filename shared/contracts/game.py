"""Events of the game service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from contracts.event import Event


class CompletedResult(BaseModel):
    """What became of one speech in a session. `pronunciation_score` is 0-100, or null where none was made."""

    speech_id: UUID
    user_response: Literal["correct", "incorrect", "skipped"]
    response_time_ms: int
    pronunciation_score: float | None = None
    verified: bool = False


class CompletedSession(BaseModel):
    """A finished game with its results in the order they were played."""

    session_id: UUID
    user_id: UUID
    mode: Literal["listen_only", "listen_and_repeat"]
    level: str
    duration_seconds: int
    completed_at: AwareDatetime
    results: list[CompletedResult]


class SessionCompleted(Event):
    """A learner has finished a game and it was saved."""

    consumers: ClassVar[tuple[str, ...]] = ("content", "game")

    type: Literal["parley.game.session_completed.v1"] = "parley.game.session_completed.v1"
    source: Literal["/parley/game"] = "/parley/game"
    data: CompletedSession
