"""Builds the result of a recording from its phrases."""

from collections.abc import Sequence

from scoring.domain.scores import AudioInfo, ScoringResult, WordScore
from scoring.errors import InvalidProviderResponse, NotAssessable
from scoring.providers.azure.miscues import align_words
from scoring.providers.azure.phrases import Phrase, PhraseScores
from scoring.text.words import to_spoken_words

PROVIDER, SCORER = "azure", "azure-v2"
"""Version 2 of the interface that the SDK calls. Microsoft's models change without a version number."""
PAUSE_MS = 10
"""The part of the pause after each correct word that counts as spoken time."""


def build_result(phrases: Sequence[Phrase], *, text: str, audio: AudioInfo, compared: bool) -> ScoringResult:
    """Return the scores of a recording. `compared` means that it is a single phrase, and that the service has
    compared it with the text.

    Raises InvalidProviderResponse if there is no phrase, and NotAssessable if there is no word of the text.
    """
    if not phrases:
        raise InvalidProviderResponse({"NBest"})
    scores, words = (phrases[0].scores, phrases[0].words) if compared else combine_phrases(phrases, text)
    spoken = [word.word for word in words if word.error_type not in ("omission", "insertion")]
    if not spoken:
        raise NotAssessable("The recording contains none of the text's words.", reason="other_text")
    return ScoringResult(
        recognized_text=" ".join(spoken),
        pronunciation_score=_round(scores.pronunciation),
        accuracy_score=_round(scores.accuracy),
        fluency_score=_round(scores.fluency),
        completeness_score=_round(scores.completeness),
        prosody_score=_round(scores.prosody),
        words=tuple(words),
        audio=audio,
        provider=PROVIDER,
        scorer=SCORER,
    )


def combine_phrases(phrases: Sequence[Phrase], text: str) -> tuple[PhraseScores, Sequence[WordScore]]:
    """Score several phrases as one, as Microsoft's sample does."""
    recognized = [word for phrase in phrases for word in phrase.words]
    words = align_words(to_spoken_words(text), recognized)
    prosody = [phrase.scores.prosody for phrase in phrases if phrase.scores.prosody is not None]
    expected = [word for word in words if word.error_type != "insertion"]
    correct = [word for word in expected if word.error_type == "none"]
    accuracy = sum(word.score or 0.0 for word in expected) / len(expected)
    completeness = 100 * len(correct) / len(expected)
    fluency = compute_fluency(correct, recognized)
    mean_prosody = sum(prosody) / len(prosody) if prosody else None
    return PhraseScores(
        accuracy=accuracy,
        pronunciation=compute_pronunciation(accuracy, fluency, completeness, prosody=mean_prosody),
        fluency=fluency,
        completeness=completeness,
        prosody=mean_prosody,
    ), words


def compute_fluency(correct: Sequence[WordScore], recognized: Sequence[WordScore]) -> float | None:
    """Return the share of correct words in the time from the first word to the end of the last, 0-100."""
    starts = [word.offset_ms for word in recognized if word.offset_ms is not None]
    ends = [(word.offset_ms or 0) + (word.duration_ms or 0) for word in recognized]
    if not starts or max(ends) <= min(starts):
        return None
    spoken = sum((word.duration_ms or 0) + PAUSE_MS for word in correct)
    return min(100 * spoken / (max(ends) - min(starts)), 100.0)


def compute_pronunciation(
    accuracy: float, fluency: float | None, completeness: float, *, prosody: float | None
) -> float | None:
    """Weight the lowest of four scores with 0.4, or of three with 0.6, and each other score with 0.2."""
    if fluency is None:
        return None
    scores = sorted([accuracy, fluency, completeness, *([] if prosody is None else [prosody])])
    others = 0.2 * sum(scores[1:])
    return (1 - 0.2 * (len(scores) - 1)) * scores[0] + others


def _round(score: float | None) -> float | None:
    return None if score is None else round(score, 1)
