"""Transcribes speech by greedy decoding.

One word in five is wrong for clear speakers, and nearly every word for the weakest. The transcript is
therefore shown and used to detect insertions, but no score depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scoring.providers.offline.decoder import Decoder
from scoring.providers.offline.draft import Draft
from scoring.providers.offline.encoder import SECONDS_PER_FRAME, Encoding, Floats
from scoring.providers.offline.speech_gate import MIN_CLARITY, measure_clarity
from scoring.providers.offline.tokenizer import Tokenizer
from scoring.text.characters import clean
from scoring.text.words import to_spoken_words

MIN_TOKENS, TOKENS_PER_SECOND = 12, 6.5
MAX_REPEATED_WORDS, MAX_REPETITIONS = 4, 3
"""A decoder that diverges repeats a few words until it is stopped."""


@dataclass(frozen=True)
class Recognizer:
    decoder: Decoder
    tokenizer: Tokenizer

    def recognize(self, encoding: Encoding, log_posteriors: Floats, text: str) -> tuple[str, ...]:
        """Return the recognised words. Skips parts without speech, where the decoder would hallucinate.

        The closer the speech is to the text, the fewer runs of the decoder it takes.
        """
        words, draft = list[str](), Draft(clean(text), self.tokenizer)
        for part, (start, end) in enumerate(pairwise(encoding.cuts)):
            if measure_clarity(log_posteriors[start:end]) >= MIN_CLARITY:
                words += self._recognize_part(encoding, part, draft, (end - start) * SECONDS_PER_FRAME)
        return tuple(drop_repetitions(words))

    def _recognize_part(self, encoding: Encoding, part: int, draft: Draft, seconds: float) -> tuple[str, ...]:
        max_tokens = MIN_TOKENS + int(seconds * TOKENS_PER_SECOND)
        tokens = self.decoder.transcribe(encoding, part, draft, max_tokens=max_tokens)
        return to_spoken_words(self.tokenizer.decode(tokens))


def drop_repetitions(words: Sequence[str]) -> list[str]:
    """Keep the first of a few words that are repeated more than MAX_REPETITIONS times."""
    remaining, position = list[str](), 0
    while position < len(words):
        size, count = _find_repetition(words, position)
        remaining += words[position : position + size]
        position += size * count
    return remaining


def _find_repetition(words: Sequence[str], position: int) -> tuple[int, int]:
    """Return how many words are repeated here and how often, or (1, 1) if none are."""
    for size in range(1, MAX_REPEATED_WORDS + 1):
        count = 1
        while (
            words[position : position + size]
            == words[position + count * size : position + (count + 1) * size]
        ):
            count += 1
        if count > MAX_REPETITIONS:
            return size, count
    return 1, 1
