"""Splits words into the tokens of Moonshine's decoder: byte-pair encoding (Sennrich 2016, arXiv 1508.07909).

tokenizer.bin holds the pieces in order. Each is preceded by its length, in one byte, or in two from 128 on.
Merges whose result has a smaller number come first. "\N{LOWER ONE EIGHTH BLOCK}" marks the start of a word.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"
START, END = 1, 2
FIRST_BYTE, FIRST_PIECE = 3, 259
"""The tokens 3 to 258 stand for the 256 bytes."""
NO_MERGE = 1 << 30


class Tokenizer:
    def __init__(self, content: bytes) -> None:
        self._pieces = tuple(_read_pieces(content))
        self._ids = {piece: number for number, piece in enumerate(self._pieces) if number >= FIRST_PIECE}

    def encode_word(self, word: str) -> list[int]:
        pieces = [character.encode() for character in WORD_START + word]
        while len(pieces) > 1:
            ranks = [self._ids.get(left + right, NO_MERGE) for left, right in pairwise(pieces)]
            index = ranks.index(min(ranks))
            if ranks[index] == NO_MERGE:
                break
            pieces[index : index + 2] = [pieces[index] + pieces[index + 1]]
        return [token for piece in pieces for token in self._to_tokens(piece)]

    def _to_tokens(self, piece: bytes) -> list[int]:
        token_id = self._ids.get(piece)
        return [FIRST_BYTE + byte for byte in piece] if token_id is None else [token_id]

    def decode(self, tokens: Sequence[int]) -> str:
        content = b"".join(
            bytes([token - FIRST_BYTE]) if FIRST_BYTE <= token < FIRST_PIECE else self._pieces[token]
            for token in tokens
        )
        return content.decode(errors="replace").replace(WORD_START, " ").strip()


def _read_pieces(content: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(content):
        length, position = content[position], position + 1
        if length >= 128:
            length, position = content[position] * 128 + length - 128, position + 1
        yield content[position : position + length]
        position += length
