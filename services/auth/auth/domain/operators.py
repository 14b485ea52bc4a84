"""The operator: an admin whose name and password hash come from the environment."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from auth.domain.users import to_canonical_email
from auth.errors import OperatorAccount

OPERATOR_ID = UUID("00000000-0000-7000-8000-00000000ad31")
"""The same in every installation, so that audit logs always identify the operator."""


@dataclass(frozen=True)
class Operator:
    username: str
    password_hash: str

    def has_name(self, name: str) -> bool:
        return to_canonical_email(name) == to_canonical_email(self.username)

    @property
    def digest(self) -> bytes:
        """Digest of the credentials that opened a session; changing name or hash ends it."""
        return hashlib.sha256(f"{self.username}\n{self.password_hash}".encode()).digest()


def is_current(user_id: UUID, digest: bytes | None, operator: Operator | None) -> bool:
    """Return whether an operator's session matches the current configuration. Other users' always do."""
    if user_id != OPERATOR_ID:
        return True
    return operator is not None and digest == operator.digest


def ensure_not_operator(user_id: UUID) -> None:
    if user_id == OPERATOR_ID:
        raise OperatorAccount
