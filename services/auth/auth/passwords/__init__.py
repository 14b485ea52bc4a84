"""Password policy, and the hashing of passwords."""

from auth.passwords.hasher import PasswordHasher
from auth.passwords.policy import ensure_strong_password

__all__ = ["PasswordHasher", "ensure_strong_password"]
