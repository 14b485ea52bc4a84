"""Guesses how a transcript continues: like the text that should be read."""

from collections.abc import Sequence

from scoring.providers.offline.tokenizer import Tokenizer

LOOKAHEAD_TOKENS = 8
"""How many tokens of the text are searched for the one at which a transcript that differed meets it again."""
MAX_PROPOSED_TOKENS = 16
"""The more tokens are read in a run, the more are wasted after one that the decoder would not have chosen."""


class Draft:
    """A text's tokens, and how far a transcript has come in them. It follows past words that differ."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self._tokens = [token for word in text.split() for token in tokenizer.encode_word(word)]
        self._place = 0
        self._agrees = True

    def follow(self, tokens: Sequence[int]) -> None:
        """Continue after these tokens of the transcript."""
        for token in tokens:
            near = self._tokens[self._place : self._place + LOOKAHEAD_TOKENS]
            self._agrees = token in near
            if self._agrees:
                self._place += near.index(token) + 1

    def propose(self, limit: int) -> list[int]:
        """Return the next tokens; none where the transcript differs from the text."""
        end = self._place + min(limit, MAX_PROPOSED_TOKENS)
        return self._tokens[self._place : end] if self._agrees else []
