"""Forced alignment: finds the position of each phoneme of a text in a recording, and how well it fits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pocketsphinx import Decoder

from scoring.errors import UnpronounceableText
from scoring.providers.pocketsphinx import espeak
from scoring.providers.pocketsphinx.gop import AlignedPhoneme, AlignedWord
from scoring.providers.pocketsphinx.grammar import ANY_SOUND, align_words, build_grammar
from scoring.text.words import is_english

BEAM = 1e-160
"""The default beams lose one in five halting readings. Wider ones cost little: the graph is narrow, and
most time goes into the acoustic scores."""

NATS_PER_UNIT = 1024 * math.log(1.0001)
"""The decoder's scores are logarithms to the base 1.0001, shifted right by ten bits."""

MAX_LEARNED_WORDS = 2_000
"""Then the decoder is replaced, because words cannot be removed from its dictionary."""

MAX_UNKNOWN_WORDS = 8
"""Words of a text without a known pronunciation. Each of them costs as much as thirty others."""

WORD_SEARCH, STATE_SEARCH = "words", "_state_align"
"""The names of the decoder's searches. The second one is predefined."""

UNKNOWN_WORD = "?"
"""Stands for a word that has no known pronunciation."""


def _new_decoder() -> Decoder:
    decoder = Decoder(
        lm=None,  # the language model is large and plays no part in alignment
        bestpath=False,
        beam=BEAM,
        wbeam=BEAM,
        pbeam=BEAM,
        compallsen=True,  # all states, so that scores are relative to the best one of each frame
        loglevel="FATAL",
    )
    for word, phoneme in ANY_SOUND.items():
        decoder.add_word(word, phoneme, False)
    return decoder


class Aligner:
    """The acoustic model and its dictionary, about 25 MB. Not thread-safe."""

    def __init__(self) -> None:
        self._decoder = _new_decoder()
        self._learned = 0

    def align(self, pcm: memoryview, words: Sequence[str]) -> tuple[AlignedWord, ...] | None:
        """Return one result per word, or None when nothing fits at all. Raises UnpronounceableText."""
        known = self._find_known(words)
        _ensure_known(words, known)
        try:
            return self._search(pcm, words, known)
        except RuntimeError:
            # No path was found. The decoder cannot be used again: it is in the middle of an utterance.
            self._reset()
            return None

    def _search(
        self, pcm: memoryview, words: Sequence[str], known: Mapping[str, bool]
    ) -> tuple[AlignedWord, ...] | None:
        graph = self._decoder.create_fsg(WORD_SEARCH, 0, len(words), list(build_grammar(words, known)))
        self._decoder.add_fsg(WORD_SEARCH, graph)
        self._decoder.activate_search(WORD_SEARCH)
        self._process(pcm)
        if self._decoder.seg() is None:
            return None
        # The second pass finds the phonemes within the words of the first pass.
        self._decoder.set_alignment()
        self._process(pcm)
        found = _match_words(self._decoder.get_alignment(), words, known)
        # A search keeps up to 50 MB of history after a long recording.
        for search in (STATE_SEARCH, WORD_SEARCH):
            self._decoder.remove_search(search)
        return found

    def _process(self, pcm: memoryview) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()

    def _find_known(self, words: Sequence[str]) -> dict[str, bool]:
        """Learn unknown words from eSpeak NG. Return for each word whether it has a pronunciation."""
        if self._learned > MAX_LEARNED_WORDS:
            self._reset()
        known = {word: is_english(word) and self._decoder.lookup_word(word) is not None for word in words}
        try:
            for word in known:
                known[word] = known[word] or (is_english(word) and self._learn(word))
        except espeak.EspeakTimeout:
            pass  # the remaining words stay unknown
        return known

    def _learn(self, word: str) -> bool:
        phonemes = espeak.pronounce(word)
        if phonemes is None:
            return False
        self._decoder.add_word(word, phonemes, False)
        self._learned += 1
        return True

    def _reset(self) -> None:
        self._decoder, self._learned = _new_decoder(), 0


def _ensure_known(words: Sequence[str], known: Mapping[str, bool]) -> None:
    unknown = sum(not known[word] for word in words)
    if unknown > min(MAX_UNKNOWN_WORDS, len(words) - 1):
        raise UnpronounceableText("Too many words of the text have no known pronunciation.")


def _match_words(
    entries: Iterable[Any], words: Sequence[str], known: Mapping[str, bool]
) -> tuple[AlignedWord, ...]:
    spoken: list[tuple[str, list[AlignedPhoneme]]] = []
    for entry in entries:
        name, phonemes = _to_word(entry.name), list(map(_to_phoneme, entry))
        if name == UNKNOWN_WORD and spoken and spoken[-1][0] == UNKNOWN_WORD:
            spoken[-1][1].extend(phonemes)
        elif name is not None:
            spoken.append((name, phonemes))
    expected = [word if known[word] else UNKNOWN_WORD for word in words]
    found = dict(zip(align_words(expected, [name for name, _ in spoken]), spoken, strict=True))
    return tuple(
        AlignedWord(word, known[word], tuple(found[at][1]) if at in found else ())
        for at, word in enumerate(words)
    )


def _to_word(entry: str) -> str | None:
    """Return None for silence and noise."""
    if entry[0] in "<[":
        return None
    # Alternative pronunciations carry a number: either, either(2).
    return UNKNOWN_WORD if entry in ANY_SOUND else entry.partition("(")[0]


def _to_phoneme(entry: Any) -> AlignedPhoneme:
    frames = max(entry.duration, 1)
    return AlignedPhoneme(entry.name, entry.start, frames, NATS_PER_UNIT * entry.score / frames)
