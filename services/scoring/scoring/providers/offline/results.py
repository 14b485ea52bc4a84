"""Builds the result of a reading: scores from 0 to 100, positions in milliseconds, and errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.domain.scores import MIN_SPOKEN_SCORE, AudioInfo, PhonemeScore, ScoringResult, WordScore
from scoring.providers.offline import PROVIDER, SCORER
from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import SECONDS_PER_FRAME, Floats
from scoring.providers.offline.miscues import Delivery, Insertion
from scoring.providers.offline.observation import RawScores
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.score_map import ScoreMaps
from scoring.providers.offline.score_models import OVERALL
from scoring.types import ErrorType

MIN_CORRECT_SCORE = 60.0
"""Raters found four in five words below this score to be bad. One in eighty good words is below it."""
MIN_WORDS_FOR_FLUENCY = 2
MS_PER_FRAME = SECONDS_PER_FRAME * 1000


@dataclass(frozen=True)
class Points:
    """0-100: phonemes (spoken segments,), words (spoken words,), and overall scores."""

    phonemes: Floats
    words: Floats
    overall: dict[str, float]


def to_points(raw: RawScores, maps: ScoreMaps) -> Points:
    overall = {
        name: float(maps[name].apply(raw.overall[index : index + 1])[0]) for index, name in enumerate(OVERALL)
    }
    return Points(maps["phonemes"].apply(raw.phonemes), maps["words"].apply(raw.words), overall)


def build_result(
    delivery: Delivery,
    segments: Segments,
    points: Points,
    *,
    insertions: Sequence[Insertion],
    recognized: Sequence[str],
    audio: AudioInfo,
) -> ScoringResult:
    """`segments` and `points` cover the spoken words."""
    scored = iter(_score_words(delivery, segments, points, audio.duration_ms))
    words = [
        next(scored) if is_spoken else WordScore(word.text, None, "omission")
        for word, is_spoken in zip(delivery.words, delivery.spoken, strict=True)
    ]
    has_fluency = len(points.words) >= MIN_WORDS_FOR_FLUENCY
    spoken_share = sum(delivery.spoken) / len(delivery.spoken)
    replaced = int((points.words < MIN_SPOKEN_SCORE).sum())
    return ScoringResult(
        recognized_text=" ".join(recognized),
        pronunciation_score=_round(points.overall["total"] * spoken_share),
        accuracy_score=_round(points.overall["accuracy"]),
        fluency_score=_round(points.overall["fluency"]) if has_fluency else None,
        completeness_score=_round(100 * (sum(delivery.spoken) - replaced) / len(delivery.spoken)),
        prosody_score=_round(points.overall["prosody"]) if has_fluency else None,
        words=tuple(_insert(words, insertions, audio.duration_ms)),
        audio=audio,
        provider=PROVIDER,
        scorer=SCORER,
    )


def _score_words(
    delivery: Delivery, segments: Segments, points: Points, duration_ms: int
) -> Iterable[WordScore]:
    spoken = np.flatnonzero(segments.spoken)
    owners = segments.words[spoken]
    for number, word in enumerate(delivery.spoken_words):
        members = np.flatnonzero(owners == number)
        members_spoken = spoken[members]
        phonemes = tuple(
            PhonemeScore(
                SYMBOLS[segments.phonemes[index]],
                _round(float(points.phonemes[member])),
                *_to_span(segments.starts[index], segments.ends[index], duration_ms),
            )
            for member, index in zip(members, members_spoken, strict=True)
        )
        score = _round(float(points.words[number]))
        error: ErrorType = "mispronunciation" if score < MIN_CORRECT_SCORE else "none"
        span = _to_span(segments.starts[members_spoken[0]], segments.ends[members_spoken[-1]], duration_ms)
        yield WordScore(word.text, score, error, *span, phonemes)


def _insert(
    words: Sequence[WordScore], insertions: Sequence[Insertion], duration_ms: int
) -> Iterable[WordScore]:
    for number in range(len(words) + 1):
        yield from (
            WordScore(inserted.word, None, "insertion", *_to_span(inserted.start, inserted.end, duration_ms))
            for inserted in insertions
            if inserted.words_before == number
        )
        yield from words[number : number + 1]


def _to_span(start: int, end: int, duration_ms: int) -> tuple[int, int]:
    """Return offset and duration in milliseconds, within the recording."""
    first, last = (min(round(edge * MS_PER_FRAME), duration_ms) for edge in (start, end))
    return first, last - first


def _round(score: float) -> float:
    return round(min(max(score, 0.0), 100.0), 1)
