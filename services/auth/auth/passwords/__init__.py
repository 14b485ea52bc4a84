"""Password policy, and the hashing of passwords."""

from auth.passwords.hasher import MAX_QUEUED_PER_ADDRESS, PasswordHasher
from auth.passwords.policy import ensure_strong_password

__all__ = ["MAX_QUEUED_PER_ADDRESS", "PasswordHasher", "ensure_strong_password"]
