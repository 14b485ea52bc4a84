"""Password policy, and the hashing of passwords."""

from auth.passwords.hasher import MAX_OF_ADDRESS, PasswordHasher
from auth.passwords.policy import ensure_strong_password

__all__ = ["MAX_OF_ADDRESS", "PasswordHasher", "ensure_strong_password"]
