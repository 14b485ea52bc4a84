"""The rules of a session: what makes one plausible, and what its results add up to. All of it is pure.

Sentences: every result counts, a skipped one too. Correct rate: correct results by all results, 0-1.
Streak: correct results in a row; an incorrect and a skipped one both end it. Average score: of the results
that have a score, whatever became of them; null if none has, never 0. It is rounded to two decimals.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol
from uuid import UUID

from contracts.receipt import ReceiptClaims, reference_digest
from shared.errors import invalid

from game.errors import AggregateMismatch
from game.types import UserResponse

CLOCK_SKEW = timedelta(minutes=5)
"""How far a learner's clock may be ahead of ours."""

AVERAGE_TOLERANCE = 0.05
"""How far a client's average may be off: clients round to one decimal."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one speech. `jti` names the receipt that proves its score, unless it is used."""

    sequence_number: int
    speech_id: UUID
    user_response: UserResponse
    response_time_ms: int
    pronunciation_score: float | None = None
    recognized_text: str | None = None
    jti: str | None = None
    verified: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionTotals:
    """What the results of a session add up to."""

    total_sentences: int
    correct_count: int
    incorrect_count: int
    skipped_count: int
    max_streak: int
    score_sum: float
    scored_count: int

    @property
    def avg_pronunciation_score(self) -> float | None:
        """0-100, two decimals."""
        return compute_average_score(self.score_sum, self.scored_count)


class ClientTotals(Protocol):
    """What a client has added its results up to, where it says so."""

    @property
    def total_sentences(self) -> int | None: ...
    @property
    def correct_count(self) -> int | None: ...
    @property
    def max_streak(self) -> int | None: ...
    @property
    def avg_pronunciation_score(self) -> float | None: ...


def validate_times(started_at: datetime, completed_at: datetime, *, now: datetime) -> None:
    """Raise Invalid for a session that ends before it starts, or in the future."""
    if completed_at < started_at:
        raise invalid("#/completed_at", "must not be before started_at")
    if completed_at > now + CLOCK_SKEW:
        raise invalid("#/completed_at", "must not be in the future")


def validate_sequence(numbers: Sequence[int]) -> None:
    """Raise Invalid unless the numbers are 1 to their count, each once, in any order."""
    seen: set[int] = set()
    for place, number in enumerate(numbers):
        pointer = f"#/results/{place}/sequence_number"
        if number in seen:
            raise invalid(pointer, f"{number} is there twice")
        if number > len(numbers):
            raise invalid(pointer, f"{number} leaves a gap: there are {len(numbers)} results")
        seen.add(number)


def compute_totals(results: Iterable[Result]) -> SessionTotals:
    """Add up results that are in the order they were played."""
    played = list(results)
    responses = [result.user_response for result in played]
    scores = [result.pronunciation_score for result in played if result.pronunciation_score is not None]
    streaks = (len(list(run)) for response, run in groupby(responses) if response == "correct")
    return SessionTotals(
        total_sentences=len(played),
        correct_count=responses.count("correct"),
        incorrect_count=responses.count("incorrect"),
        skipped_count=responses.count("skipped"),
        max_streak=max(streaks, default=0),
        score_sum=math.fsum(scores),
        scored_count=len(scores),
    )


def validate_totals(made: SessionTotals, sent: ClientTotals) -> None:
    """Raise AggregateMismatch if the client has added its results up to anything else."""
    wrong = {
        name: getattr(made, name)
        for name in ("total_sentences", "correct_count", "max_streak")
        if getattr(sent, name) not in (None, getattr(made, name))
    }
    if not _matches_average(sent.avg_pronunciation_score, made):
        wrong["avg_pronunciation_score"] = made.avg_pronunciation_score
    if wrong:
        errors = [
            {"pointer": f"#/{name}", "message": f"the results make {'null' if value is None else value}"}
            for name, value in wrong.items()
        ]
        raise AggregateMismatch(f"The results add up to another {', '.join(wrong)}.", errors=errors)


def _matches_average(sent: float | None, made: SessionTotals) -> bool:
    if sent is None:
        return True
    if not made.scored_count:
        return False
    # The last term forgives what binary fractions add to a difference of exactly the tolerance.
    return abs(sent - made.score_sum / made.scored_count) <= AVERAGE_TOLERANCE + 1e-9


def apply_receipt(result: Result, receipt: ReceiptClaims, *, texts: Iterable[str]) -> Result:
    """The result with a receipt that is about one of its speech's texts and agrees with its score.

    What the client has left out comes from the receipt. Any other receipt is ignored.
    """
    score = result.pronunciation_score
    about_the_speech = receipt.reference_sha256 in map(reference_digest, texts)
    agrees = score is None or math.isclose(score, receipt.pronunciation_score, abs_tol=0.005)
    if not (about_the_speech and agrees):
        return result
    return replace(
        result,
        pronunciation_score=receipt.pronunciation_score,
        recognized_text=result.recognized_text or receipt.recognized_text,
        jti=receipt.jti,
    )


def compute_average_score(score_sum: float, scored_count: int) -> float | None:
    """0-100 with two decimals, or null where nothing was scored."""
    return round(score_sum / scored_count, 2) if scored_count else None
