"""Values that are fit for development only: weak passwords, addresses without TLS, generated keys."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

DEVELOPMENT_KEY = "development-"
"""The start of the ids of keys that the embedded run generates."""
PLACEHOLDERS = {
    *("", "admin", "change-me", "changeme", "default", "example", "guest", "minioadmin", "parley", "pass"),
    *("password", "postgres", "rabbitmq", "redis", "root", "secret", "test"),
    # The demo accounts.
    *("adminpass123", "learnerpass123"),
}
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - nothing listens here
NEEDS_PASSWORD = ("redis", "amqp")
"""Without a password, Redis is open to everybody who reaches it, and RabbitMQ's client sends guest:guest."""

MIN_SECRET_LENGTH, MIN_DIFFERENT_CHARACTERS = 16, 8
"""Twenty random bytes as hexadecimal digits are 40, about 14 of them different."""
WORDS = re.compile(
    "|".join(sorted({*PLACEHOLDERS, "qwertyuiop", "qwerty", "letmein", "welcome"} - {""}, key=len)[::-1])
)
WEAK = (
    f"can be guessed: take at least {MIN_SECRET_LENGTH} random characters, "
    f"{MIN_DIFFERENT_CHARACTERS} of them different, such as those of `openssl rand -hex 20`"
)


@dataclass(frozen=True)
class Issued:
    """Marks a secret whose form is not ours to ask for: a provider issued it, or a person types it."""


@dataclass(frozen=True)
class Public:
    """Marks the setting of a URL that clients open."""


def is_placeholder(secret: str) -> bool:
    return secret.lower() in PLACEHOLDERS


def is_weak(secret: str) -> bool:
    """Return whether a secret is short, or little is left of it without known words and runs such as 1234."""
    rest = WORDS.sub("", secret.lower())
    unforeseen = {b for a, b in pairwise(f"\0{rest}") if abs(ord(b) - ord(a)) > 1}
    return len(secret) < MIN_SECRET_LENGTH or len(unforeseen) < MIN_DIFFERENT_CHARACTERS


def find_problem(name: str, value: Any, marks: Sequence[object] = ()) -> str | None:
    """Describe what is wrong with a setting in production, without its value."""
    is_public, is_issued = (any(isinstance(each, mark) for each in marks) for mark in (Public, Issued))
    if isinstance(value, SecretStr):
        return _find_in_secret(value.get_secret_value(), is_issued=is_issued)
    if isinstance(value, Path) and name.endswith(("_keys_file", "_jwks_file")):
        return _find_in_keys(value)
    if is_public and str(value):
        return _find_in_public_url(str(value))
    if name.endswith("_access_key") and is_placeholder(value):
        return "is a placeholder; set the real one"
    return None


def _find_in_secret(secret: str, *, is_issued: bool) -> str | None:
    if "://" in secret:
        return _find_in_url(secret)
    # Whether an empty secret is an absent one, its own settings know.
    if secret and is_placeholder(secret):
        return "is a placeholder; set the real secret"
    return WEAK if secret and not is_issued and is_weak(secret) else None


def _find_in_url(secret: str) -> str | None:
    url = urlsplit(secret)
    if url.password is None:
        return "has no password" if url.scheme.startswith(NEEDS_PASSWORD) else None
    password = unquote(url.password)
    if is_placeholder(password) or password == url.username:
        return "has a placeholder as its password; set the real one"
    return f"has a password that {WEAK}" if is_weak(password) else None


def _find_in_public_url(value: str) -> str | None:
    url = urlsplit(value)
    if url.scheme != "https":
        return "must start with https://, because clients open it"
    return "is a loopback address, which clients cannot reach" if url.hostname in LOOPBACK_HOSTS else None


def _find_in_keys(path: Path) -> str | None:
    try:
        keys = json.loads(path.read_text())["keys"]
        is_development = any(str(key["kid"]).startswith(DEVELOPMENT_KEY) for key in keys)
    except (OSError, ValueError, KeyError, TypeError):
        # The process that reads the keys reports problems with the file.
        return None
    return "holds keys that were generated for development" if is_development else None
