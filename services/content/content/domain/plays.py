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
        return self.correct / self.plays if self.plays else None

    @property
    def average_score(self) -> float | None:
        return self.score_sum / self.scored if self.scored else None

    def negate(self) -> "PlayStatistics":
        return PlayStatistics(-self.plays, -self.correct, -self.scored, -self.score_sum)


def count_plays_by_speech(results: Iterable[CompletedResult]) -> dict[UUID, PlayStatistics]:
    """Count the plays of each speech in a session. A skipped result is not a play."""
    played: dict[UUID, PlayStatistics] = {}
    for result in results:
        if result.user_response == "skipped":
            continue
        statistics = played.setdefault(result.speech_id, PlayStatistics())
        statistics.plays += 1
        statistics.correct += result.user_response == "correct"
        # A score without verification is only a claim of the learner's device.
        if result.verified and result.pronunciation_score is not None:
            statistics.scored += 1
            statistics.score_sum += result.pronunciation_score
    return played
