"""The scores of one recording for one text, from any provider."""

from dataclasses import dataclass

from scoring.types import ErrorType

MIN_SPOKEN_SCORE = 35.0
"""Below this score, another word was spoken instead."""


@dataclass(frozen=True)
class PhonemeScore:
    """The symbol is in the alphabet that the provider's capabilities name."""

    symbol: str
    score: float
    offset_ms: int
    duration_ms: int


@dataclass(frozen=True)
class WordScore:
    word: str
    score: float | None
    error_type: ErrorType
    offset_ms: int | None = None
    duration_ms: int | None = None
    phonemes: tuple[PhonemeScore, ...] = ()


@dataclass(frozen=True)
class AudioInfo:
    """The original recording, before resampling."""

    duration_ms: int
    sample_rate: int
    format: str


@dataclass(frozen=True)
class ScoringResult:
    """Scores are 0-100, or None if unknown.

    `recognized_text` is the provider's transcript. `provider` and `scorer` are those of its capabilities.
    """

    recognized_text: str
    pronunciation_score: float | None
    accuracy_score: float | None
    fluency_score: float | None
    completeness_score: float | None
    prosody_score: float | None
    words: tuple[WordScore, ...]
    audio: AudioInfo
    provider: str
    scorer: str
