"""Plays."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from contracts.game import CompletedResult


@dataclass
class PlayStatistics:
    """How often a speech was played, answered correctly and scored. Scores are 0-100."""

    plays: int = 0
    correct: int = 0
    scored: int = 0
    score_sum: float = 0.0

    @property
    def correct_rate(self) -> float | None:
        """The share of correct answers, 0-1; None when it was never played."""
        return self.correct / self.plays if self.plays else None

    @property
    def average_score(self) -> float | None:
        """The mean score, 0-100; None when it was never scored."""
        return self.score_sum / self.scored if self.scored else None


def count_plays_by_speech(results: Iterable[CompletedResult]) -> dict[UUID, PlayStatistics]:
    """The plays of each speech in a session.

    A skipped result is no play. Only a score that was verified enters the average: any other is what the
    learner's device claims.
    """
    played: dict[UUID, PlayStatistics] = {}
    for result in results:
        if result.user_response == "skipped":
            continue
        plays = played.setdefault(result.speech_id, PlayStatistics())
        plays.plays += 1
        plays.correct += result.user_response == "correct"
        if result.verified and result.pronunciation_score is not None:
            plays.scored += 1
            plays.score_sum += result.pronunciation_score
    return played
