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
        sentence_words = format_sentence(words)
        parts = np.searchsorted(encoding.cuts, first_frames, side="right") - 1
        parts = np.clip(parts, 0, len(encoding.cuts) - 2)
        rows = np.zeros((len(words), 4), np.float32)
        evidence_by_part = list[TokenEvidence]()
        for part in np.unique(parts):
            indices = np.flatnonzero(parts == part)
            tokens = [self.tokenizer.encode_word(sentence_words[index]) for index in indices]
            evidence = self.decoder.score_tokens(
                encoding, int(part), [token for word in tokens for token in word]
            )
            evidence_by_part.append(evidence)
            ends = np.cumsum([len(word) for word in tokens])
            for index, end, word in zip(indices, ends, tokens, strict=True):
                # The last token of the text is a full stop.
                stop = end - 1 if index == len(words) - 1 and len(word) > 1 else end
                rows[index] = _describe_word(evidence, slice(end - len(word), stop))
        return Evidence(rows, _describe_text(evidence_by_part))


def format_sentence(words: Sequence[str]) -> list[str]:
    """Format words as a sentence, as in the decoder's training data: with a capital and a full stop."""
    capitalized = [word.capitalize() if word == "i" or word.startswith("i'") else word for word in words]
    capitalized[0] = capitalized[0][:1].upper() + capitalized[0][1:]
    capitalized[-1] += "."
    return capitalized


def _describe_word(evidence: TokenEvidence, tokens: slice) -> tuple[float, float, float, int]:
    log_probabilities, best = evidence.log_probabilities[tokens], evidence.best[tokens]
    return (
        float(log_probabilities.sum()),
        float(log_probabilities.min()),
        float((log_probabilities - best).min()),
        len(log_probabilities),
    )


def _describe_text(parts: Sequence[TokenEvidence]) -> Floats:
    log_probabilities = np.concatenate([part.log_probabilities for part in parts])
    gaps = log_probabilities - np.concatenate([part.best for part in parts])
    unlikely_share = (log_probabilities < UNLIKELY).mean()
    return np.array(
        [log_probabilities.mean(), log_probabilities.min(), gaps.mean(), unlikely_share, parts[-1].end],
        np.float32,
    )
