"""Possible pronunciations of a text: for each token its common readings, for each word its pronunciations."""

from dataclasses import dataclass

type Pronunciation = tuple[int, ...]


@dataclass(frozen=True)
class Word:
    """A spoken word and its pronunciations as numbers of phonemes, at least one."""

    text: str
    pronunciations: tuple[Pronunciation, ...]


type Reading = tuple[Word, ...]
type Slot = tuple[Reading, ...]
"""The readings of one written token, between which the alignment decides."""
type Transcript = tuple[Slot, ...]


def to_transcript(words: tuple[Word, ...]) -> Transcript:
    """Return the transcript of a text that has one reading only."""
    return tuple(((word,),) for word in words)
