"""The likelihood of a text's words according to Moonshine's decoder, which models words and not phonemes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.providers.offline.decoder import Decoder, TokenEvidence
from scoring.providers.offline.encoder import Encoding, Floats
from scoring.providers.offline.tokenizer import Tokenizer

UNLIKELY = -2.0


@dataclass(frozen=True)
class Evidence:
    """`words` (words, 4): the sum and the minimum of the tokens' log probabilities, the widest gap to the
    best token, and the number of tokens. `text` (5,): the mean and the minimum of the log probabilities, the
    mean gap, the share of unlikely tokens, and the log probability that the text ends.
    """

    words: Floats
    text: Floats


@dataclass(frozen=True)
class EvidenceReader:
    decoder: Decoder
    tokenizer: Tokenizer

    def read(self, encoding: Encoding, words: Sequence[str], first_frames: Sequence[int]) -> Evidence:
        """Evaluate words in lower case, each in the part in which it starts."""
        written = to_written(words)
        parts = np.searchsorted(encoding.cuts, first_frames, side="right") - 1
        parts = np.clip(parts, 0, len(encoding.cuts) - 2)
        rows = np.zeros((len(words), 4), np.float32)
        found = list[TokenEvidence]()
        for part in np.unique(parts):
            places = np.flatnonzero(parts == part)
            tokens = [self.tokenizer.encode_word(written[place]) for place in places]
            evidence = self.decoder.force(encoding, int(part), [token for word in tokens for token in word])
            found.append(evidence)
            ends = np.cumsum([len(word) for word in tokens])
            for place, end, word in zip(places, ends, tokens, strict=True):
                # The last token of the text is a full stop.
                stop = end - 1 if place == len(words) - 1 and len(word) > 1 else end
                rows[place] = _describe_word(evidence, slice(end - len(word), stop))
        return Evidence(rows, _describe_text(found))


def to_written(words: Sequence[str]) -> list[str]:
    """Format words as a sentence, as in the decoder's training data: with a capital and a full stop."""
    written = [word.capitalize() if word == "i" or word.startswith("i'") else word for word in words]
    written[0] = written[0][:1].upper() + written[0][1:]
    written[-1] += "."
    return written


def _describe_word(evidence: TokenEvidence, tokens: slice) -> tuple[float, float, float, int]:
    own, best = evidence.log_probabilities[tokens], evidence.best[tokens]
    return float(own.sum()), float(own.min()), float((own - best).min()), len(own)


def _describe_text(parts: Sequence[TokenEvidence]) -> Floats:
    own = np.concatenate([part.log_probabilities for part in parts])
    gaps = own - np.concatenate([part.best for part in parts])
    unlikely = (own < UNLIKELY).mean()
    return np.array([own.mean(), own.min(), gaps.mean(), unlikely, parts[-1].end], np.float32)
