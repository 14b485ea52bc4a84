"""Parses and validates the service's responses. The SDK's own classes fail if a field is missing."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from scoring.domain.scores import PhonemeScore, WordScore
from scoring.errors import InvalidProviderResponse
from scoring.types import ErrorType

TICKS_PER_MS = 10_000
MAX_TICKS = 3600 * 1000 * TICKS_PER_MS
ERROR_TYPES: dict[str, ErrorType] = {
    "Mispronunciation": "mispronunciation",
    "Omission": "omission",
    "Insertion": "insertion",
}
"""All other types concern pauses and intonation, which `prosody_score` covers."""

type AzureScore = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
type Ticks = Annotated[int, Field(ge=0, le=MAX_TICKS)]


@dataclass(frozen=True)
class PhraseScores:
    """Each score is 0-100, or None if the service omits it."""

    accuracy: float
    pronunciation: float | None = None
    fluency: float | None = None
    completeness: float | None = None
    prosody: float | None = None


@dataclass(frozen=True)
class Phrase:
    """One utterance. Offsets count from the start of the recording."""

    scores: PhraseScores
    words: tuple[WordScore, ...]


def parse_phrase(document: str) -> Phrase | None:
    """Return None if there was no speech. Raises InvalidProviderResponse for an incomplete assessment."""
    try:
        if _Silence.model_validate_json(document).is_silent:
            return None
        best = _Answer.model_validate_json(document).n_best[0]
    except ValidationError as error:
        # The values are the learner's words.
        violations = error.errors(include_input=False, include_context=False, include_url=False)
        raise InvalidProviderResponse({_name_field(violation["loc"]) for violation in violations}) from None
    assessment_scores = best.pronunciation_assessment
    scores = PhraseScores(
        accuracy=assessment_scores.accuracy_score,
        pronunciation=assessment_scores.pron_score,
        fluency=assessment_scores.fluency_score,
        completeness=assessment_scores.completeness_score,
        prosody=assessment_scores.prosody_score,
    )
    return Phrase(scores, tuple(map(_to_word_score, best.words)))


def _name_field(location: tuple[Any, ...]) -> str:
    return ".".join(part for part in location if isinstance(part, str)) or "document"


class _Model(BaseModel):
    """Part of a response. Types are strict, and unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_pascal), strict=True)


class _PhonemeAssessment(_Model):
    accuracy_score: AzureScore


class _Phoneme(_Model):
    phoneme: str = ""
    offset: Ticks
    duration: Ticks
    pronunciation_assessment: _PhonemeAssessment


class _WordAssessment(_Model):
    accuracy_score: AzureScore | None = None
    error_type: str = "None"


class _Word(_Model):
    word: str = Field(min_length=1)
    offset: Ticks | None = None
    duration: Ticks | None = None
    pronunciation_assessment: _WordAssessment
    phonemes: list[_Phoneme] = []

    @property
    def error_type(self) -> ErrorType:
        return ERROR_TYPES.get(self.pronunciation_assessment.error_type, "none")

    @model_validator(mode="after")
    def _ensure_complete(self) -> Self:
        needed = (self.offset, self.duration, self.pronunciation_assessment.accuracy_score)
        if None in needed and self.error_type not in ("omission", "insertion"):
            raise ValueError("a spoken word has a position and a score")
        return self


class _PhraseAssessment(_Model):
    accuracy_score: AzureScore
    pron_score: AzureScore | None = None
    fluency_score: AzureScore | None = None
    completeness_score: AzureScore | None = None
    prosody_score: AzureScore | None = None


class _Reading(_Model):
    pronunciation_assessment: _PhraseAssessment
    words: list[_Word] = Field(min_length=1)


class _Answer(_Model):
    n_best: list[_Reading] = Field(min_length=1)


class _SilentReading(_Model):
    words: list[Any] = []


class _Silence(_Model):
    """A phrase that may be empty, as the last one of a recording that ends with a pause."""

    display_text: str | None = None
    n_best: list[_SilentReading] = []

    @property
    def is_silent(self) -> bool:
        return self.display_text == "" and not any(reading.words for reading in self.n_best)


def _to_word_score(word: _Word) -> WordScore:
    text, error_type = word.word.lower(), word.error_type
    if error_type == "omission":
        return WordScore(text, None, error_type)
    offset, duration = _to_ms(word.offset), _to_ms(word.duration)
    if error_type == "insertion":
        # It has no reference to be scored against.
        return WordScore(text, None, error_type, offset, duration)
    score = round(word.pronunciation_assessment.accuracy_score or 0.0, 1)
    # In languages without phoneme names, the scores of phonemes are meaningless.
    phonemes = tuple(_to_phoneme_score(phoneme) for phoneme in word.phonemes if phoneme.phoneme)
    return WordScore(text, score, error_type, offset, duration, phonemes)


def _to_phoneme_score(phoneme: _Phoneme) -> PhonemeScore:
    score = round(phoneme.pronunciation_assessment.accuracy_score, 1)
    return PhonemeScore(
        phoneme.phoneme, score, round(phoneme.offset / TICKS_PER_MS), round(phoneme.duration / TICKS_PER_MS)
    )


def _to_ms(ticks: int | None) -> int | None:
    return None if ticks is None else round(ticks / TICKS_PER_MS)
