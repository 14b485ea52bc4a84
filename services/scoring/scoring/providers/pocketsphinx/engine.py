"""One recording against one text, from bytes to scores: what a worker process does."""

from collections.abc import Sequence

from scoring.audio.decoder import Recording, decode
from scoring.audio.quality import check_quality
from scoring.domain.scores import Assessment, AudioInfo
from scoring.errors import NotAssessable
from scoring.providers.pocketsphinx import gop
from scoring.providers.pocketsphinx.alignment import Aligner
from scoring.providers.pocketsphinx.gop import AlignedWord

MIN_EXPLAINED_SHARE = 0.2
"""The share of the voiced time that the text must account for, unless most of it was said. Wrong texts
explain a quarter and more of it, noises, tones and knocks less than a tenth."""
MOSTLY_SPOKEN_COMPLETENESS = 50.0
"""A completeness."""


class Engine:
    """Scores recordings, one at a time."""

    def __init__(self) -> None:
        self._aligner = Aligner()

    def assess(self, audio: memoryview, words: Sequence[str]) -> Assessment:
        """Return the scores or raise one of ASSESSMENT_ERRORS; the samples are overwritten either way."""
        recording = decode(audio)
        try:
            voiced = check_quality(recording.samples)
            aligned = self._aligner.align(recording.samples, words)
        finally:
            recording.wipe()
        if aligned is None:
            raise NotAssessable("Nothing in the recording sounds like speech.", reason="no_speech")
        _ensure_speech(aligned, voiced)
        return _assessment(aligned, recording)


def _ensure_speech(words: Sequence[AlignedWord], voiced: float) -> None:
    """Raises NotAssessable when a voice detector took something for speech that is none."""
    frames = sum(word.end - word.start for word in words if word.phonemes)
    explained = frames * gop.MS_PER_FRAME / 1000 >= MIN_EXPLAINED_SHARE * voiced
    if not explained and gop.compute_completeness(words) < MOSTLY_SPOKEN_COMPLETENESS:
        raise NotAssessable("Nothing in the recording sounds like the text being read.", reason="no_speech")


def _assessment(words: Sequence[AlignedWord], recording: Recording) -> Assessment:
    accuracy, fluency = gop.compute_accuracy(words), gop.compute_fluency(words)
    completeness = gop.compute_completeness(words)
    overall = None if accuracy is None else gop.compute_pronunciation(accuracy, fluency, completeness)
    return Assessment(
        recognized_text=" ".join(word.word for word in words if gop.is_spoken(word)),
        pronunciation_score=_rounded(overall),
        accuracy_score=_rounded(accuracy),
        fluency_score=_rounded(fluency),
        completeness_score=_rounded(completeness),
        prosody_score=None,
        words=tuple(map(gop.score_word, words)),
        audio=AudioInfo(recording.duration_ms, recording.sample_rate, recording.format),
    )


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 1)
