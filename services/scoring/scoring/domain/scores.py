"""What every provider answers: the scores of one recording against one text."""

from dataclasses import dataclass

from scoring.types import ErrorType


@dataclass(frozen=True)
class PhonemeScore:
    """One sound of a word: its symbol in the provider's alphabet, its score (0-100) and where it is."""

    symbol: str
    score: float
    offset_ms: int
    duration_ms: int


@dataclass(frozen=True)
class WordScore:
    """One word of the reference text. Its score is 0-100, or None where none could be made."""

    word: str
    score: float | None
    error_type: ErrorType
    offset_ms: int | None = None
    duration_ms: int | None = None
    phonemes: tuple[PhonemeScore, ...] = ()


@dataclass(frozen=True)
class AudioInfo:
    """The recording as it was sent: its length, the sample rate of the source in Hz, and its container."""

    duration_ms: int
    sample_rate: int
    format: str


@dataclass(frozen=True)
class Assessment:
    """Scores are 0-100, or None where none could be made: never a zero that means "unknown".

    `recognized_text` holds the words of the reference that were heard, in its order.
    """

    recognized_text: str
    pronunciation_score: float | None
    accuracy_score: float | None
    fluency_score: float | None
    completeness_score: float | None
    prosody_score: float | None
    words: tuple[WordScore, ...]
    audio: AudioInfo
