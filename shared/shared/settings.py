"""Configuration from the environment: the same variable has the same name in every service."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PLACEHOLDERS = {"", "changeme", "change-me", "password", "secret", "minioadmin", "guest"}


class Settings(BaseSettings):
    """What every process needs. Outside development nothing secret has a default."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "test", "production"] = "production"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    trusted_proxies: str = "127.0.0.1"
    """Comma-separated addresses whose X-Forwarded-For is believed: the gateway's, nobody else's."""

    jwks_url: str = ""
    """Where the public keys of access tokens are published (http://auth:8001/.well-known/jwks.json)."""
    token_issuer: str = "parley"  # noqa: S105 - the name of the issuer, no secret
    token_audience: str = "parley-api"  # noqa: S105 - as above

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    rate_limit_enabled: bool = True
    rate_limits: dict[str, int] = {}
    """Requests per minute by limit name, overriding the defaults of the routes: {"random": 600}."""

    max_body_bytes: int = Field(default=1_048_576, gt=0)

    @property
    def development(self) -> bool:
        """Whether demo accounts and generated secrets are allowed."""
        return self.environment != "production"


class DatabaseSettings(Settings):
    """For services that own a database and, with it, an outbox and an inbox."""

    database_url: SecretStr
    # None over the pool's size: under load, those would be opened and closed again for nearly every request.
    database_pool_size: int = Field(default=10, ge=1)
    database_pool_overflow: int = Field(default=0, ge=0)
    rabbitmq_url: SecretStr

    @model_validator(mode="after")
    def _names_the_driver(self) -> Self:
        if not self.database_url.get_secret_value().startswith("postgresql+asyncpg://"):
            raise ValueError("DATABASE_URL must start with postgresql+asyncpg://")
        return self


class StorageSettings(BaseSettings):
    """For services that read or write objects in S3."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    s3_endpoint: str = "http://127.0.0.1:9000"
    s3_public_endpoint: str = ""
    """The endpoint as clients reach it, which presigned URLs are bound to; `s3_endpoint` when empty."""
    s3_access_key: str
    s3_secret_key: SecretStr
    s3_bucket: str = "parley-audio"
    s3_region: str = "us-east-1"

    @model_validator(mode="after")
    def _has_a_real_secret(self) -> Self:
        if self.s3_secret_key.get_secret_value() in PLACEHOLDERS:
            raise ValueError("S3_SECRET_KEY is a placeholder; set the real secret")
        return self
