"""Made-up words and the frames of a recording in which they are spoken."""

import numpy as np
from scoring.providers.offline.phonemes import SYMBOLS, to_ids
from scoring.providers.offline.transcript import Word

EVEN = np.full(40, -np.log(40), np.float32)


def make_word(text: str, *spoken: str) -> Word:
    return Word(text, tuple(to_ids(pronunciation.split()) for pronunciation in spoken))


THE, CAT, SAT = make_word("the", "DH AH", "DH IY"), make_word("cat", "K AE T"), make_word("sat", "S AE T")


def make_frames(spoken: str, *, frames_per_phoneme: int = 3, confidence: float = 0.9) -> np.ndarray:
    """Return log posteriors of a recording in which each phoneme takes some frames."""
    labels = np.repeat(to_ids(spoken.split()), frames_per_phoneme)
    posteriors = np.full((len(labels), len(SYMBOLS)), (1 - confidence) / (len(SYMBOLS) - 1))
    posteriors[np.arange(len(labels)), labels] = confidence
    return np.log(posteriors).astype(np.float32)
