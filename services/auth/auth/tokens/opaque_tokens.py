"""Opaque tokens: 256 random bits, of which the database stores only the hash."""

import base64
import hashlib
import hmac
import secrets


def generate_token() -> str:
    """Return 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def compute_digest(token: str) -> bytes:
    """Return the stored form of a token: 256 random bits need neither a salt nor a slow hash."""
    return hashlib.sha256(token.encode()).digest()


def derive_successor(token: str, salt: bytes) -> str:
    """Return the token that follows this one. Neither the token nor the salt alone reveals it."""
    derived = hmac.digest(token.encode(), salt, "sha256")
    return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def generate_salt() -> bytes:
    return secrets.token_bytes(32)
