"""Reading receipts."""

import json
from pathlib import Path
from uuid import UUID

from contracts.receipt import RECEIPT_AUDIENCE, RECEIPT_ISSUER, RECEIPT_TYPE, ReceiptClaims
from pydantic import ValidationError
from shared.errors import Unauthorized
from shared.security.jwt import FixedKeys, Keys, verify


class ReceiptVerifier:
    """Reads receipts with the public keys of scoring."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @classmethod
    def from_file(cls, path: Path) -> "ReceiptVerifier":
        """Read a JWK set file. Raises OSError, ValueError or KeyError when it is none."""
        return cls(FixedKeys(json.loads(path.read_text())))

    async def verify(self, receipt: str, *, learner: UUID) -> ReceiptClaims | None:
        """What a receipt says, or None when it is forged, damaged, expired or somebody else's.

        None and no error: a session is never lost for a receipt that proves nothing.
        """
        try:
            claims = ReceiptClaims.model_validate(
                await verify(
                    receipt, self._keys, typ=RECEIPT_TYPE, issuer=RECEIPT_ISSUER, audience=RECEIPT_AUDIENCE
                )
            )
        except (Unauthorized, ValidationError):
            return None
        return claims if claims.sub == learner else None
