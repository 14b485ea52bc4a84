"""Scores one recording for one text. Runs in a worker process."""

from collections.abc import Sequence

from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.errors import NotAssessable
from scoring.providers.pocketsphinx import PROVIDER, SCORER, gop
from scoring.providers.pocketsphinx.alignment import Aligner
from scoring.providers.pocketsphinx.gop import AlignedWord

MIN_EXPLAINED_SHARE = 0.2
"""The share of the voiced time that the aligned words must cover, unless most of the text was spoken.
Wrong texts cover a quarter and more; noises, tones and knocks less than a tenth."""
MOSTLY_SPOKEN_COMPLETENESS = 50.0
"""From this completeness on, the share does not matter."""


class Engine:
    def __init__(self) -> None:
        self._aligner = Aligner()

    def assess(self, recording: Recording, words: Sequence[str]) -> ScoringResult:
        """Return the scores or raise one of ASSESSMENT_ERRORS."""
        aligned = self._aligner.align(recording.pcm, words)
        if aligned is None:
            raise NotAssessable("Nothing in the recording sounds like speech.", reason="no_speech")
        _ensure_speech(aligned, recording.voiced_seconds)
        return _build_assessment(aligned, recording.source)


def _ensure_speech(words: Sequence[AlignedWord], voiced: float) -> None:
    """Raise NotAssessable when the voice detector took other sounds for speech."""
    frames = sum(word.end - word.start for word in words if word.phonemes)
    explained = frames * gop.MS_PER_FRAME / 1000 >= MIN_EXPLAINED_SHARE * voiced
    if not explained and gop.compute_completeness(words) < MOSTLY_SPOKEN_COMPLETENESS:
        raise NotAssessable("Nothing in the recording sounds like the text being read.", reason="no_speech")


def _build_assessment(words: Sequence[AlignedWord], source: AudioInfo) -> ScoringResult:
    accuracy, fluency = gop.compute_accuracy(words), gop.compute_fluency(words)
    completeness = gop.compute_completeness(words)
    overall = None if accuracy is None else gop.compute_pronunciation(accuracy, fluency, completeness)
    return ScoringResult(
        recognized_text=" ".join(word.word for word in words if gop.is_spoken(word)),
        pronunciation_score=_round(overall),
        accuracy_score=_round(accuracy),
        fluency_score=_round(fluency),
        completeness_score=_round(completeness),
        prosody_score=None,
        words=tuple(map(gop.score_word, words)),
        audio=source,
        provider=PROVIDER,
        scorer=SCORER,
    )


def _round(score: float | None) -> float | None:
    return None if score is None else round(score, 1)
