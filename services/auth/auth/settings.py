"""Settings of the auth service: one class per process, each with only what that process uses."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from shared.http.fields import clean_text
from shared.placeholders import Issued, Public, is_placeholder
from shared.settings import (
    DatabaseSettings,
    HttpApiSettings,
    MessagingSettings,
    RedisSettings,
    Settings,
)


def _split(value: Any) -> Any:
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A comma-separated list in the environment, where pydantic-settings expects JSON by default."""

MAX_USERNAME_LENGTH = 100
BCRYPT_HASH = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")
ARGON2ID_HASH = re.compile(
    r"\$argon2id\$v=19\$m=(?P<kib>\d+),t=(?P<passes>\d+),p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}"
)
MAX_BCRYPT_COST, MAX_ARGON2_KIB, MAX_ARGON2_PASSES = 14, 262_144, 10
"""Verifying a password against such a hash takes about a second."""


def find_hash_problem(password_hash: str) -> str | None:
    """Describe the problem of a password hash, without quoting the hash."""
    if match := BCRYPT_HASH.fullmatch(password_hash):
        is_affordable = 4 <= int(match["cost"]) <= MAX_BCRYPT_COST
        return None if is_affordable else f"must have a cost of 4 to {MAX_BCRYPT_COST}"
    if match := ARGON2ID_HASH.fullmatch(password_hash):
        is_affordable = int(match["kib"]) <= MAX_ARGON2_KIB and int(match["passes"]) <= MAX_ARGON2_PASSES
        return None if is_affordable else "is too expensive: use at most 256 MiB and 10 passes"
    return (
        "is not a complete bcrypt or argon2id hash; some files need $$ for each $, or quotes around the value"
    )


class AppleSettings(Settings):
    """The team's key at Apple, used to exchange and revoke tokens. Without it, none are stored."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    apple_team_id: str = ""
    apple_key_id: str = ""
    apple_private_key_file: str = ""
    apple_redirect_uris: dict[str, str] = Field(default={})
    """The redirect URI by service id, for codes from websites. Codes from apps have none."""
    apple_token_keys: Annotated[SecretStr, Issued()] = SecretStr("")
    """Comma-separated Fernet keys for stored tokens: the first encrypts, all decrypt."""
    apple_url: Annotated[str, Public()] = "https://appleid.apple.com"

    @property
    def token_keys(self) -> list[str]:
        return list(_split(self.apple_token_keys.get_secret_value()))

    @model_validator(mode="after")
    def _require_complete_apple_key(self) -> Self:
        values = (self.apple_team_id, self.apple_key_id, self.apple_private_key_file, self.token_keys)
        if any(values) and not all(values):
            raise ValueError(
                "set all of APPLE_TEAM_ID, APPLE_KEY_ID, APPLE_PRIVATE_KEY_FILE and APPLE_TOKEN_KEYS, or none"
            )
        if all(values):
            _ensure_usable_keys(self.apple_private_key_file, self.token_keys)
        return self


def _ensure_usable_keys(private_key_file: str, token_keys: list[str]) -> None:
    try:
        key = load_pem_private_key(Path(private_key_file).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("APPLE_PRIVATE_KEY_FILE is not the .p8 file that Apple issued")
    try:
        MultiFernet([Fernet(key) for key in token_keys])
    except ValueError:
        raise ValueError("APPLE_TOKEN_KEYS must be Fernet keys: 32 bytes as URL-safe base64") from None


class SocialSettings(AppleSettings):
    """Identity providers. A provider without client ids is off."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    google_client_ids: CommaSeparated = ()
    google_issuers: CommaSeparated = ("https://accounts.google.com", "accounts.google.com")
    google_jwks_url: Annotated[str, Public()] = "https://www.googleapis.com/oauth2/v3/certs"

    apple_client_ids: CommaSeparated = ()
    apple_issuers: CommaSeparated = ("https://appleid.apple.com",)
    apple_jwks_url: Annotated[str, Public()] = "https://appleid.apple.com/auth/keys"

    facebook_app_id: str = ""
    facebook_app_secret: Annotated[SecretStr, Issued()] = SecretStr("")
    facebook_issuers: CommaSeparated = ("https://www.facebook.com", "https://limited.facebook.com")
    facebook_jwks_url: Annotated[str, Public()] = (
        "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
    )
    facebook_graph_url: Annotated[str, Public()] = "https://graph.facebook.com/v25.0"

    social_timeout_seconds: float = Field(default=2.0, gt=0)
    """Time limit for a provider's complete response; after it, sign-in returns 503."""
    social_keys_cooldown_seconds: float = Field(default=5.0, ge=0)
    """Minimum time between two fetches of a provider's keys, even if tokens name unknown keys."""

    @model_validator(mode="after")
    def _require_real_secret(self) -> Self:
        if self.facebook_app_id and is_placeholder(self.facebook_app_secret.get_secret_value()):
            raise ValueError("FACEBOOK_APP_ID needs FACEBOOK_APP_SECRET; set the app's real secret")
        return self


class OperatorSettings(Settings):
    """The operator's account of the admin panel, which no table holds."""

    admin_username: str = ""
    admin_password_hash: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _require_usable_operator(self) -> Self:
        name, password_hash = self.admin_username, self.admin_password_hash.get_secret_value()
        if bool(name) != bool(password_hash):
            raise ValueError("set both ADMIN_USERNAME and ADMIN_PASSWORD_HASH, or neither")
        if name and (len(name) > MAX_USERNAME_LENGTH or name != clean_text(name)):
            raise ValueError("ADMIN_USERNAME must have at most 100 characters, and no spaces around it")
        if name and (problem := find_hash_problem(password_hash)):
            raise ValueError(f"ADMIN_PASSWORD_HASH {problem}")
        return self


class ApiSettings(HttpApiSettings, DatabaseSettings, SocialSettings, OperatorSettings):
    signing_keys_file: Path | None = None
    """A private JWK set. The active key signs access tokens; all keys in use are published."""

    # One core is reserved for other work: otherwise requests wait for hashing.
    password_threads: int = Field(default=max(1, (os.cpu_count() or 1) - 1), ge=1)
    """Passwords hashed at the same time, 19 MiB each."""
    password_queue_size: int = Field(default=100, ge=0)
    """Passwords that may wait for a thread; beyond that, signing in returns 503."""
    # More than the passwords that wait for a thread and the sign-ins that wait for a slow provider together:
    # otherwise these would block all other requests.
    max_requests_in_work: int = Field(default=256, ge=1)

    # The largest body contains an ID token of 8 KiB.
    max_body_bytes: int = Field(default=16_384, gt=0)

    game_url: HttpUrl = HttpUrl("http://127.0.0.1:8003")
    """The API of the game service, for data exports."""


class EmailSettings(Settings):
    """Delivery of e-mails: by SMTP or, in development, into a folder."""

    # An empty variable means "not set": an empty path would be the working directory.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    account_url: Annotated[HttpUrl, Public()]
    """Public URL of the pages `verify` and `reset`, to which links in e-mails point."""
    email_from: str = "Parley <no-reply@localhost>"
    email_folder: Path | None = None
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "implicit", "none"] = "starttls"
    smtp_ca_file: str = ""
    smtp_username: str = ""
    smtp_password: Annotated[SecretStr, Issued()] = SecretStr("")

    @model_validator(mode="after")
    def _require_one_secure_transport(self) -> Self:
        if bool(self.smtp_host) == bool(self.email_folder):
            raise ValueError("set SMTP_HOST or, in development, EMAIL_FOLDER")
        if self.environment == "production" and (self.email_folder or self.smtp_tls == "none"):
            raise ValueError("in production, e-mails must be sent through SMTP with TLS")
        return self


class WorkerSettings(MessagingSettings, RedisSettings, EmailSettings, AppleSettings):
    pass


class AppleTokenSettings(DatabaseSettings, AppleSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass


class SeedSettings(DatabaseSettings):
    pass


class FirstAdminSettings(DatabaseSettings):
    first_admin_email: str
    first_admin_password: Annotated[SecretStr, Issued()]


class SigningKeySettings(BaseSettings):
    signing_keys_file: Path
