"""Verify receipts with scoring's public keys."""

import json
from pathlib import Path
from uuid import UUID

from contracts.receipt import RECEIPT_AUDIENCE, RECEIPT_ISSUER, RECEIPT_TYPE, ReceiptClaims
from pydantic import ValidationError
from shared.errors import Unauthorized
from shared.security.jwt import KeySource, StaticKeys, verify


class ReceiptVerifier:
    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    @classmethod
    def from_file(cls, path: Path) -> "ReceiptVerifier":
        """Read a JWK set file. Raises OSError, ValueError or KeyError if it cannot be read."""
        return cls(StaticKeys(json.loads(path.read_text())))

    async def verify(self, receipt: str, *, user_id: UUID) -> ReceiptClaims | None:
        """Return None for an invalid, expired or foreign receipt: its score is saved as unverified."""
        try:
            claims = ReceiptClaims.model_validate(
                await verify(
                    receipt, self._keys, typ=RECEIPT_TYPE, issuer=RECEIPT_ISSUER, audience=RECEIPT_AUDIENCE
                )
            )
        except (Unauthorized, ValidationError):
            return None
        return claims if claims.sub == user_id else None
