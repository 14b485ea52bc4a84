"""Finds omitted and inserted words. They are reported only where the aligner and the recognised words agree,
because each of the two alone is wrong too often.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from scoring.providers.offline.aligner import Segments, align
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.graph import FILLER, Penalties
from scoring.providers.offline.transcript import Transcript, Word, to_transcript

PENALTIES = Penalties(skip=-4.0, filler=-2.0)
MIN_INSERTION_FRAMES = 2


@dataclass(frozen=True)
class OtherSpeech:
    """Frames of inserted speech, and the number of text words before it."""

    words_before: int
    start: int
    end: int


@dataclass(frozen=True)
class Delivery:
    """The words of the chosen readings, whether each was spoken, and the insertions."""

    words: tuple[Word, ...]
    spoken: tuple[bool, ...]
    other: tuple[OtherSpeech, ...]

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]

    @property
    def spoken_words(self) -> tuple[Word, ...]:
        return tuple(word for word, is_spoken in zip(self.words, self.spoken, strict=True) if is_spoken)

    def mark_recognized(self, recognized: Collection[int]) -> "Delivery":
        """Return a copy in which recognised words are marked as spoken."""
        spoken = (is_spoken or index in recognized for index, is_spoken in enumerate(self.spoken))
        return replace(self, spoken=tuple(spoken))


@dataclass(frozen=True)
class Insertion:
    """An inserted word, its frames, and the number of text words before it."""

    word: str
    words_before: int
    start: int
    end: int


def find_delivery(log_posteriors: Floats, transcript: Transcript, log_priors: Floats) -> Delivery | None:
    """Choose the readings by alignment, allowing omissions. Returns None if no reading fits the frames."""
    readings = _choose_readings(log_posteriors, transcript, log_priors)
    alignment = align(log_posteriors, readings, log_priors, PENALTIES)
    if alignment is None:
        return None
    segments = alignment.segments
    spoken = np.isin(np.arange(len(alignment.words)), segments.words[segments.spoken])
    return Delivery(alignment.words, tuple(map(bool, spoken)), tuple(_find_other(segments)))


def _choose_readings(log_posteriors: Floats, transcript: Transcript, log_priors: Floats) -> Transcript:
    if all(len(slot) == 1 and len(slot[0]) == 1 for slot in transcript):
        return transcript
    # No word may be omitted here: otherwise a long reading could win with some of its words missing.
    alignment = align(log_posteriors, transcript, log_priors)
    return transcript if alignment is None else to_transcript(alignment.words)


def _find_other(segments: Segments) -> Iterable[OtherSpeech]:
    before = np.maximum.accumulate(segments.words) + 1
    for index in np.flatnonzero(segments.phonemes == FILLER):
        yield OtherSpeech(int(before[index]), int(segments.starts[index]), int(segments.ends[index]))


def find_insertions(extra: dict[int, list[str]], other: Iterable[OtherSpeech]) -> list[Insertion]:
    """Return the extra words for which the aligner found other speech at the same place in the text."""
    remaining, insertions = dict(extra), list[Insertion]()
    for speech in other:
        if speech.end - speech.start >= MIN_INSERTION_FRAMES:
            insertions += _divide(speech, remaining.pop(speech.words_before, []))
    return insertions


def _divide(speech: OtherSpeech, words: list[str]) -> Iterable[Insertion]:
    edges = np.linspace(speech.start, speech.end, len(words) + 1).astype(int)
    for word, start, end in zip(words, edges[:-1], edges[1:], strict=True):
        yield Insertion(word, speech.words_before, int(start), int(end))
