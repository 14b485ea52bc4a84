"""Configuration of the auth service."""

import os
from pathlib import Path

from pydantic import Field
from shared.settings import DatabaseSettings


class AuthSettings(DatabaseSettings):
    """What all services share, and what only this one knows."""

    signing_keys_file: Path | None = None
    """A private JWK set: the first key signs access tokens, all are published. Only the API reads it."""

    password_threads: int = Field(default=os.cpu_count() or 1, ge=1)
    """Passwords hashed at the same time, 19 MiB each; the cores that the process may use."""
    password_queue: int = Field(default=100, ge=0)
    """Passwords that may wait for a thread; beyond them sign-in answers 503."""
