"""Tables of the game service."""

from shared.data.audit_log import AuditEntry
from shared.data.db import Base
from shared.messaging.inbox import InboxEvent
from shared.messaging.outbox import OutboxEvent

from game.models.analytics import (
    DailyLevel,
    DailyPhoneme,
    DailyRegistrations,
    DailyScore,
    DailyTag,
    DailyTagScore,
    ScoreSums,
    SpeechFigures,
    SpeechScore,
    UncountedSession,
)
from game.models.practice import (
    IS_HARD,
    PRIOR_CORRECT,
    PRIOR_PLAYS,
    DailyActivity,
    DailyGoal,
    PractisedPhoneme,
    PractisedScorer,
    PractisedSpeech,
    PractisedTag,
    Review,
)
from game.models.sessions import GameResult, GameSession, UsedReceipt
from game.models.speeches import SpeechDeletion, SpeechRevision, TagName
from game.models.users import ErasedUser

__all__ = [
    "IS_HARD",
    "PRIOR_CORRECT",
    "PRIOR_PLAYS",
    "AuditEntry",
    "Base",
    "DailyActivity",
    "DailyGoal",
    "DailyLevel",
    "DailyPhoneme",
    "DailyRegistrations",
    "DailyScore",
    "DailyTag",
    "DailyTagScore",
    "ErasedUser",
    "GameResult",
    "GameSession",
    "InboxEvent",
    "OutboxEvent",
    "PractisedPhoneme",
    "PractisedScorer",
    "PractisedSpeech",
    "PractisedTag",
    "Review",
    "ScoreSums",
    "SpeechDeletion",
    "SpeechFigures",
    "SpeechRevision",
    "SpeechScore",
    "TagName",
    "UncountedSession",
    "UsedReceipt",
]
