"""Rules of a session: its plausibility, and its totals.

Every result counts as a sentence, skipped ones too. A streak is a run of correct results. The average score
covers all results with a score, rounded to two decimals; without any it is null, never 0.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol
from uuid import UUID

from contracts.receipt import PhonemeScores, ReceiptClaims, compute_reference_digest
from contracts.vocabulary import UserResponse
from shared.errors import field_error

from game.errors import AggregateMismatch

AVERAGE_TOLERANCE = 0.05
"""Clients round their averages to one decimal."""

SCORE_TOLERANCE = 0.005


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one speech. `jti`, `scorer` and `phonemes` come from the receipt of its score."""

    sequence_number: int
    speech_id: UUID
    user_response: UserResponse
    response_time_ms: int
    pronunciation_score: float | None = None
    recognized_text: str | None = None
    jti: str | None = None
    scorer: str | None = None
    phonemes: list[PhonemeScores] | None = None
    verified: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionTotals:
    total_sentences: int
    correct_count: int
    incorrect_count: int
    skipped_count: int
    max_streak: int
    score_sum: float
    scored_count: int

    @property
    def avg_pronunciation_score(self) -> float | None:
        return compute_average_score(self.score_sum, self.scored_count)


class ClientTotals(Protocol):
    """Totals supplied by the client; each is optional."""

    @property
    def total_sentences(self) -> int | None: ...
    @property
    def correct_count(self) -> int | None: ...
    @property
    def max_streak(self) -> int | None: ...
    @property
    def avg_pronunciation_score(self) -> float | None: ...


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    results: Sequence[Result]
    """In order of play."""
    totals: SessionTotals


def validate_sequence(numbers: Sequence[int]) -> None:
    """Raise Invalid unless the numbers are 1 to n without gaps, in any order."""
    seen: set[int] = set()
    for index, number in enumerate(numbers):
        pointer = f"#/results/{index}/sequence_number"
        if number in seen:
            raise field_error(pointer, f"{number} appears twice")
        if number > len(numbers):
            raise field_error(pointer, f"{number} leaves a gap: number the {len(numbers)} results from 1")
        seen.add(number)


def evaluate_results(
    results: Iterable[Result],
    *,
    claims: Mapping[int, ReceiptClaims],
    texts: Mapping[UUID, Collection[str]],
    client_totals: ClientTotals,
) -> Evaluation:
    """Apply receipts, by sequence number, and compute the totals. Raises AggregateMismatch."""
    scored = [
        apply_receipt(result, claims.get(result.sequence_number), texts=texts[result.speech_id])
        for result in sorted(results, key=lambda result: result.sequence_number)
    ]
    totals = compute_totals(scored)
    validate_totals(totals, client_totals)
    return Evaluation(results=scored, totals=totals)


def apply_receipt(result: Result, claims: ReceiptClaims | None, *, texts: Iterable[str]) -> Result:
    """Return the result with the receipt's score, if the receipt is for one of the texts and matches the
    client's score.
    """
    if claims is None or claims.reference_sha256 not in map(compute_reference_digest, texts):
        return result
    score = result.pronunciation_score
    if score is not None and not math.isclose(score, claims.pronunciation_score, abs_tol=SCORE_TOLERANCE):
        return result
    return replace(
        result,
        pronunciation_score=claims.pronunciation_score,
        recognized_text=result.recognized_text or claims.recognized_text,
        jti=claims.jti,
        scorer=claims.scorer,
        phonemes=claims.phonemes,
    )


def settle_receipt(result: Result, *, is_unused: bool) -> Result:
    """Return the result as verified, or without the unproven scorer and phonemes."""
    if is_unused:
        return replace(result, verified=True)
    return replace(result, verified=False, scorer=None, phonemes=None)


def compute_totals(results: Sequence[Result]) -> SessionTotals:
    """Compute the totals of results in order of play."""
    responses = [result.user_response for result in results]
    scores = [result.pronunciation_score for result in results if result.pronunciation_score is not None]
    streaks = (len(list(run)) for response, run in groupby(responses) if response == "correct")
    return SessionTotals(
        total_sentences=len(results),
        correct_count=responses.count("correct"),
        incorrect_count=responses.count("incorrect"),
        skipped_count=responses.count("skipped"),
        max_streak=max(streaks, default=0),
        score_sum=math.fsum(scores),
        scored_count=len(scores),
    )


def validate_totals(computed: SessionTotals, client: ClientTotals) -> None:
    wrong = {
        name: getattr(computed, name)
        for name in ("total_sentences", "correct_count", "max_streak")
        if getattr(client, name) not in (None, getattr(computed, name))
    }
    if not _is_average(client.avg_pronunciation_score, computed):
        wrong["avg_pronunciation_score"] = computed.avg_pronunciation_score
    if wrong:
        errors = [
            {
                "pointer": f"#/{name}",
                "message": f"must be {'null' if value is None else value}, as computed from the results",
            }
            for name, value in wrong.items()
        ]
        raise AggregateMismatch(f"These totals do not match the results: {', '.join(wrong)}.", errors=errors)


def _is_average(client: float | None, computed: SessionTotals) -> bool:
    if client is None:
        return True
    if not computed.scored_count:
        return False
    # The last term absorbs the error of binary fractions at exactly the tolerance.
    return abs(client - computed.score_sum / computed.scored_count) <= AVERAGE_TOLERANCE + 1e-9


def compute_average_score(score_sum: float, scored_count: int) -> float | None:
    return round(score_sum / scored_count, 2) if scored_count else None
