"""Schemas of a learner's practice totals."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from game.schemas.sessions import SPEECH_ID, PlayedTag


class TagProgress(BaseModel):
    """All results with speeches that had the tag when they were played."""

    tag: PlayedTag = Field(
        description="With its current name, or its last one if it was deleted. A speech with several tags "
        "counts for each of them."
    )
    sessions: int = Field(description="Sessions with at least one of these speeches.", examples=[8])
    sentences: int = Field(examples=[35])
    correct_rate: float | None = Field(description="Share of correct results, 0-1.", examples=[0.7429])
    avg_pronunciation_score: float | None = Field(description="0-100.", examples=[80.15])


class HardSentence(BaseModel):
    """A speech that the learner often gets wrong, or pronounces badly."""

    model_config = ConfigDict(from_attributes=True)

    speech_id: UUID = Field(examples=[SPEECH_ID])
    text: str = Field(
        description="As it was in the latest session with it, even if it was edited or deleted since.",
        examples=["Good morning."],
    )
    attempts: int = Field(description="Results that were not skipped.", examples=[6])
    correct: int = Field(examples=[2])
    avg_pronunciation_score: float | None = Field(
        description="0-100 over the verified scores; null if there are none.", examples=[61.3]
    )
    last_played_at: datetime = Field(
        description="Start of the latest session with it.", examples=["2026-03-01T12:00:00Z"]
    )


class WeakPhoneme(BaseModel):
    """A phoneme that the learner pronounces worse than most others."""

    symbol: str = Field(description="In the alphabet of the scorer.", examples=["TH"])
    score: float = Field(description="Average of its scores, 0-100.", examples=[58.4])
    count: int = Field(description="Number of scores.", examples=[37])
    scorer: str = Field(examples=["offline-2"])


class PracticeRead(BaseModel):
    """A learner's practice totals, hardest sentences and weakest phonemes."""

    by_tag: list[TagProgress] = Field(description="The 50 tags with the most sentences, in this order.")
    hardest_sentences: list[HardSentence] = Field(
        description="At most 10, those with the lowest share of correct attempts first. A verified score "
        "counts as a further attempt: one of 70 as 0.7 of a correct one. Ten attempts are added, eight of "
        "them correct, so that a few attempts do not weigh too much. Only shares below 80 % are listed."
    )
    weakest_phonemes: list[WeakPhoneme] = Field(
        description="At most 10, the weakest first: those with at least 5 verified scores that are below the "
        "learner's average. All are from one scorer, the latest with enough scores, because alphabets and "
        "scores of different scorers cannot be compared."
    )
