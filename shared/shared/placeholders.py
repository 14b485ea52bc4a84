"""Values that are fit for development only: known passwords, addresses without TLS, generated keys."""

import json
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Public:
    """Marks the setting of a URL that clients open."""


def is_placeholder(secret: str) -> bool:
    return secret.lower() in PLACEHOLDERS


def find_problem(name: str, value: Any, *, is_public: bool) -> str | None:
    """Describe what is wrong with a setting in production, without its value."""
    if isinstance(value, SecretStr):
        return _find_in_secret(value.get_secret_value())
    if isinstance(value, Path) and name.endswith(("_keys_file", "_jwks_file")):
        return _find_in_keys(value)
    if is_public and str(value):
        return _find_in_public_url(str(value))
    if name.endswith("_access_key") and is_placeholder(value):
        return "is a placeholder; set the real one"
    return None


def _find_in_secret(secret: str) -> str | None:
    if "://" not in secret:
        # Whether an empty secret is an absent one, its own settings know.
        return "is a placeholder; set the real secret" if secret and is_placeholder(secret) else None
    url = urlsplit(secret)
    if url.password is None:
        return "has no password" if url.scheme.startswith(NEEDS_PASSWORD) else None
    password = unquote(url.password)
    if is_placeholder(password) or password == url.username:
        return "has a placeholder as its password; set the real one"
    return None


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
