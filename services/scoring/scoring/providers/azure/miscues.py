"""Finds omitted and inserted words, which the service does not do for recordings of more than 30 s."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from scoring.domain.scores import WordScore
from scoring.text.words import to_spoken_words


def align_words(reference: Sequence[str], recognized: Sequence[WordScore]) -> tuple[WordScore, ...]:
    """Mark recognized words that are not in the text as insertions, and add missing words as omissions."""
    # "Automatic junk" would ignore the words that occur often in a long recording.
    matcher = SequenceMatcher(None, reference, list(map(_to_key, recognized)), autojunk=False)
    return tuple(
        word
        for tag, start, end, first, last in matcher.get_opcodes()
        for word in _align_block(tag, reference[start:end], recognized[first:last])
    )


def _to_key(word: WordScore) -> str:
    return " ".join(to_spoken_words(word.word)) or word.word


def _align_block(tag: str, expected: Sequence[str], spoken: Sequence[WordScore]) -> Iterator[WordScore]:
    if tag == "equal":
        yield from spoken
        return
    yield from (replace(word, score=None, error_type="insertion", phonemes=()) for word in spoken)
    yield from (WordScore(word, None, "omission") for word in expected)
