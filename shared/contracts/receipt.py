"""The receipt of a score: scoring signs it, game verifies it offline."""

import hashlib
import unicodedata
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

RECEIPT_TYPE = "receipt+jwt"
RECEIPT_ISSUER = "parley-scoring"
RECEIPT_AUDIENCE = "parley-receipts"
MAX_SCORER_LENGTH = 64
MAX_SYMBOL_LENGTH = 16
MAX_PHONEMES = 64

PhonemeScores = tuple[
    Annotated[str, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH)],
    Annotated[int, Field(ge=1, le=10_000)],
    Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)],
]
"""A symbol, how often the text has it, and the sum of its scores, each 0-100."""


class ReceiptClaims(BaseModel):
    """A learner (`sub`) received this score for repeating a text.

    `jti` makes the receipt single use. `pronunciation_score` is 0-100, `iat` and `exp` are Unix times.
    `scorer` names what made the score, with its version, and `phonemes` the scores of its phonemes. Receipts
    from before these were recorded have none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    jti: str
    sub: UUID
    reference_sha256: str
    pronunciation_score: float = Field(ge=0, le=100, allow_inf_nan=False)
    recognized_text: str | None = None
    scorer: str | None = Field(default=None, min_length=1, max_length=MAX_SCORER_LENGTH)
    phonemes: list[PhonemeScores] | None = Field(default=None, max_length=MAX_PHONEMES)
    speech_id: UUID | None = None
    iat: int
    exp: int


def compute_reference_digest(text: str) -> str:
    """Return the SHA-256, in hexadecimal, of a reference text in NFC without surrounding space."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).strip().encode()).hexdigest()
