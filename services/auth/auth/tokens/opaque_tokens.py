"""Refresh tokens: 256 random bits that the database knows only by their hash.

A token that is used again within its grace gets the same successor, which the database does not know either.
So the successor is kept sealed under the spent token: who presents that token brings the key. The database
alone gives nothing away, nor does a spent token alone.
"""

import hashlib
import secrets

from cryptography.fernet import Fernet


def generate_token() -> str:
    """43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What a token is found by. It needs no salt and no slow hash: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()


def seal(successor: str, *, under: str) -> str:
    """Encrypt a token's successor under the token."""
    return _lock(under).encrypt(successor.encode()).decode()


def unseal(sealed: str, *, under: str) -> str:
    """The successor that `seal` has put away under the same token."""
    return _lock(under).decrypt(sealed).decode()


def _lock(token: str) -> Fernet:
    # A Fernet key is 32 bytes in padded base64url: what a token is, but for the padding.
    return Fernet(f"{token}=")
