from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from contracts.receipt import (
    RECEIPT_AUDIENCE,
    RECEIPT_ISSUER,
    RECEIPT_TYPE,
    PhonemeScores,
    ReceiptClaims,
    compute_reference_digest,
)
from shared.clock import utc_now
from shared.security.jwt import SigningKeys

RECEIPT_TTL = timedelta(days=30)


class ReceiptIssuer:
    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private JWK set. Raises OSError, ValueError or KeyError if the file holds none."""
        return cls(SigningKeys.load(path))

    def issue(
        self,
        learner_id: UUID,
        *,
        reference_text: str,
        speech_id: UUID | None,
        score: float,
        scorer: str,
        recognized_text: str,
        phonemes: Sequence[PhonemeScores] = (),
    ) -> str:
        """Return a token that binds learner, text, score and scorer. Its `jti` lets it be used once."""
        now = int(utc_now().timestamp())
        claims = ReceiptClaims(
            jti=uuid4().hex,
            sub=learner_id,
            reference_sha256=compute_reference_digest(reference_text),
            pronunciation_score=score,
            scorer=scorer,
            recognized_text=recognized_text,
            phonemes=list(phonemes) or None,
            speech_id=speech_id,
            iat=now,
            exp=now + int(RECEIPT_TTL.total_seconds()),
        )
        issuer_and_audience = {"iss": RECEIPT_ISSUER, "aud": RECEIPT_AUDIENCE}
        return self._keys.sign(
            issuer_and_audience | claims.model_dump(mode="json", exclude_none=True), typ=RECEIPT_TYPE
        )
