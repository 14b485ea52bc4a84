"""The phonemes: those of CMUdict (ARPAbet without stress), and silence."""

from collections.abc import Iterable

import numpy as np

SILENCE = 0
SYMBOLS = [
    "SIL",
    "AA",
    "AE",
    "AH",
    "AO",
    "AW",
    "AY",
    "B",
    "CH",
    "D",
    "DH",
    "EH",
    "ER",
    "EY",
    "F",
    "G",
    "HH",
    "IH",
    "IY",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "OW",
    "OY",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "UH",
    "UW",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]
IDS = {symbol: number for number, symbol in enumerate(SYMBOLS)}
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
IS_VOWEL = np.isin(SYMBOLS, VOWELS)
"""Whether each phoneme is a vowel."""


def to_ids(symbols: Iterable[str]) -> tuple[int, ...]:
    """Return the numbers of ARPAbet symbols. A digit for stress is ignored."""
    return tuple(IDS[symbol.rstrip("012")] for symbol in symbols)
