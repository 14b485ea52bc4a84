"""Pronunciations of English words, from CMUdict 0.7b (BSD licence, see data/LICENSE-CMUDICT).

data/cmudict.txt.xz has a line for each word, sorted by bytes: the word, a space, and its pronunciations in
ARPAbet with stress, separated by bars. It is kept in memory as one string of 3.6 MB, because a dict of lists
would take 60 MB.
"""

import lzma
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from scoring.providers.offline.phonemes import to_ids
from scoring.providers.offline.transcript import Pronunciation

MAX_PRONUNCIATIONS = 6


class Lexicon:
    def __init__(self, content: bytes) -> None:
        self._content = content

    @classmethod
    def load(cls) -> "Lexicon":
        return cls(lzma.decompress((files(__package__) / "data" / "cmudict.txt.xz").read_bytes()))

    def find(self, word: str) -> tuple[Pronunciation, ...]:
        """Return the pronunciations of a word in lower case, or none."""
        distinct = dict.fromkeys(to_ids(symbols) for symbols in self.find_arpabet(word))
        return tuple(distinct)[:MAX_PRONUNCIATIONS]

    def find_arpabet(self, word: str) -> tuple[tuple[str, ...], ...]:
        """Return the pronunciations of a word in lower case, with digits for stress, or none."""
        key = word.encode()
        position = bisect_left(range(len(self._content)), key, key=self._get_word)
        line = self._get_line(position)
        if position == len(self._content) or line.partition(b" ")[0] != key:
            return ()
        spoken = line.partition(b" ")[2].decode()
        return tuple(tuple(pronunciation.split()) for pronunciation in spoken.split("|"))

    def list_words(self) -> Iterator[str]:
        """Yield all words in the order of the dictionary."""
        return (line.partition(b" ")[0].decode() for line in self._content.splitlines())

    def _get_word(self, position: int) -> bytes:
        return self._get_line(position).partition(b" ")[0]

    def _get_line(self, position: int) -> bytes:
        """Return the line that contains a position."""
        start = self._content.rfind(b"\n", 0, position) + 1
        return self._content[start : self._content.find(b"\n", position)]


@cache
def load_lexicon() -> Lexicon:
    return Lexicon.load()
