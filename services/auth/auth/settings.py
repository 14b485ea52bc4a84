"""Configuration of the auth service."""

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from shared.settings import PLACEHOLDERS, DatabaseSettings


def _split(value: Any) -> Any:
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Separated by commas in the environment, where pydantic-settings would take nothing but JSON."""


class SocialSettings(BaseSettings):
    """Who vouches for people beside ourselves. A provider without client ids is off."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    google_client_ids: Names = ()
    google_issuers: Names = ("https://accounts.google.com", "accounts.google.com")
    google_jwks_url: str = "https://www.googleapis.com/oauth2/v3/certs"

    apple_client_ids: Names = ()
    apple_issuers: Names = ("https://appleid.apple.com",)
    apple_jwks_url: str = "https://appleid.apple.com/auth/keys"

    facebook_app_id: str = ""
    facebook_app_secret: SecretStr = SecretStr("")
    facebook_issuers: Names = ("https://www.facebook.com", "https://limited.facebook.com")
    facebook_jwks_url: str = "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
    facebook_graph_url: str = "https://graph.facebook.com/v25.0"

    social_seconds: float = Field(default=3.0, gt=0)
    """How long a provider may take from a question to the end of its answer; beyond, sign-in says 503."""
    social_keys_cooldown: float = Field(default=5.0, ge=0)
    """Seconds in which a provider's keys are fetched at most once, however many unknown keys tokens name."""

    @model_validator(mode="after")
    def _has_a_real_secret(self) -> Self:
        if self.facebook_app_id and self.facebook_app_secret.get_secret_value() in PLACEHOLDERS:
            raise ValueError("FACEBOOK_APP_ID needs FACEBOOK_APP_SECRET; set the app's real secret")
        return self


class AuthSettings(DatabaseSettings, SocialSettings):
    """What all services share, and what only this one knows."""

    signing_keys_file: Path | None = None
    """A private JWK set: the first key signs access tokens, all are published. Only the API reads it."""

    password_threads: int = Field(default=os.cpu_count() or 1, ge=1)
    """Passwords hashed at the same time, 19 MiB each; the cores that the process may use."""
    password_queue: int = Field(default=100, ge=0)
    """Passwords that may wait for a thread; beyond them sign-in answers 503."""
