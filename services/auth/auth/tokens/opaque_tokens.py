"""Opaque tokens: 256 random bits, of which the database stores only the hash.

A used refresh token returns its successor again for a while. The successor is stored encrypted under the
token that it replaces, so the database alone does not reveal it.
"""

import hashlib
import secrets

from cryptography.fernet import Fernet


def generate_token() -> str:
    """Return 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return the key that a token is stored under: 256 random bits need neither salt nor a slow hash."""
    return hashlib.sha256(token.encode()).digest()


def seal(successor: str, *, under: str) -> str:
    """Encrypt a successor under the token that it replaces."""
    return _fernet(under).encrypt(successor.encode()).decode()


def unseal(sealed: str, *, under: str) -> str:
    return _fernet(under).decrypt(sealed).decode()


def _fernet(token: str) -> Fernet:
    # A Fernet key is 32 bytes of padded base64url: a token plus its padding.
    return Fernet(f"{token}=")
