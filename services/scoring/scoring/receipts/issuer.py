"""Receipts: scores that can be trusted without asking."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from contracts.receipt import (
    RECEIPT_AUDIENCE,
    RECEIPT_ISSUER,
    RECEIPT_TYPE,
    ReceiptClaims,
    reference_digest,
)
from shared.security.jwt import SigningKeys

from scoring.schemas.scores import ScoreRequest

RECEIPT_TTL = timedelta(days=30)


class ReceiptIssuer:
    """Signs receipts."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private JWK set. Raises OSError, ValueError or KeyError when the file holds none."""
        return cls(SigningKeys.load(path))

    def issue(self, learner: UUID, reading: ScoreRequest, *, score: float, recognized_text: str) -> str:
        """A token that binds the learner, the text and the score, each used up by its `jti`."""
        now = int(time.time())
        claims = ReceiptClaims(
            jti=uuid4().hex,
            sub=learner,
            reference_sha256=reference_digest(reading.reference_text),
            pronunciation_score=score,
            recognized_text=recognized_text,
            speech_id=reading.speech_id,
            iat=now,
            exp=now + int(RECEIPT_TTL.total_seconds()),
        )
        parties = {"iss": RECEIPT_ISSUER, "aud": RECEIPT_AUDIENCE}
        return self._keys.sign(parties | claims.model_dump(mode="json", exclude_none=True), typ=RECEIPT_TYPE)
