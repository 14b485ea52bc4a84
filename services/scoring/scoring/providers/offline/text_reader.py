"""Converts a written text to all its possible pronunciations."""

from collections.abc import Callable, Sequence
from functools import cache

from scoring.errors import UnpronounceableText
from scoring.providers.offline.pronouncer import Pronouncer
from scoring.providers.offline.transcript import Pronunciation, Reading, Slot, Transcript, Word
from scoring.text.characters import clean
from scoring.text.readings import Token
from scoring.text.tokens import read_tokens
from scoring.text.words import find_written_word

MAX_PHONEMES = 3000
"""The maximum number of phonemes in all pronunciations, which an alignment's time and memory depend on."""
LIMITS = ((12, 6), (6, 4), (4, 3), (3, 2), (2, 2), (1, 2), (1, 1))
"""The limits of readings per token and pronunciations per word. Very long texts get lower ones."""

type Find = Callable[[str], tuple[Pronunciation, ...]]


def read_text(text: str, pronouncer: Pronouncer) -> Transcript:
    """Return a slot for each token. Raises UnpronounceableText, which names the word.

    If a token has a reading without words, it is the first of its slot.
    """
    plain = clean(text)
    tokens = read_tokens(plain)
    if not any(token.words for token in tokens):
        raise UnpronounceableText("The text has no words.")
    find = cache(pronouncer.find)
    slots = tuple(_to_slot(plain, token, find) for token in tokens)
    return next(filter(_is_small, (_limit(slots, *limits) for limits in LIMITS)), _limit(slots, *LIMITS[-1]))


def _to_slot(text: str, token: Token, find: Find) -> Slot:
    readings = [_to_reading(words, find) for words in token.readings]
    usable = [reading for reading in readings if reading is not None]
    if not usable:
        word = find_written_word(text, token)
        raise UnpronounceableText(f"The word {word!r} cannot be pronounced; write it differently.")
    return tuple(usable)


def _to_reading(words: Sequence[str], find: Find) -> Reading | None:
    spoken = tuple(Word(word, find(word)) for word in words)
    return spoken if all(word.pronunciations for word in spoken) else None


def _limit(slots: Transcript, max_readings: int, max_pronunciations: int) -> Transcript:
    return tuple(_sort_empty_first(_limit_slot(slot, max_readings, max_pronunciations)) for slot in slots)


def _limit_slot(slot: Slot, max_readings: int, max_pronunciations: int) -> Slot:
    return tuple(
        tuple(Word(word.text, word.pronunciations[:max_pronunciations]) for word in reading)
        for reading in slot[:max_readings]
    )


def _sort_empty_first(slot: Slot) -> Slot:
    # The aligner chooses the first reading if the path contains no word of the slot.
    return tuple(sorted(slot, key=bool))


def _is_small(transcript: Transcript) -> bool:
    words = (word for slot in transcript for reading in slot for word in reading)
    return sum(len(sounds) for word in words for sounds in word.pronunciations) <= MAX_PHONEMES
