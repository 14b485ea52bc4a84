"""Configuration from the environment. Services compose the settings of each process from these classes."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.placeholders import Public, find_problem, is_placeholder
from shared.stopping import MAX_DELAY_SECONDS

type QueueType = Literal["classic", "quorum"]
"""How RabbitMQ stores queues: on one node, or replicated by quorum."""


class Settings(BaseSettings):
    """Settings of every process. No secret has a default outside development."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "test", "production"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("*")
    @classmethod
    def _refuse_placeholders(cls, value: Any, info: ValidationInfo) -> Any:
        # `environment` is validated first, so the others can use it. An invalid one counts as production.
        if info.field_name is None or info.data.get("environment", "production") != "production":
            return value
        if problem := find_problem(info.field_name, value, cls.model_fields[info.field_name].metadata):
            raise ValueError(problem)
        return value

    @property
    def is_development(self) -> bool:
        """Return whether demo accounts and generated secrets are allowed."""
        return self.environment != "production"


class ServerSettings(Settings):
    """A process that listens: every API, and every worker for its health and metrics."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    trusted_proxies: str = "127.0.0.1"
    """Comma-separated addresses whose X-Forwarded-For is trusted: only the gateway's."""
    shutdown_delay_seconds: float = Field(default=0, ge=0, le=MAX_DELAY_SECONDS)

    event_loop: ClassVar[Literal["uvloop", "asyncio"]] = "uvloop"


class RedisSettings(Settings):
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")


class HttpApiSettings(ServerSettings, RedisSettings):
    """An API: access tokens, rate limits, body size."""

    # The gateway probes `/health` of each replica twice a second.
    shutdown_delay_seconds: float = Field(default=2, ge=0, le=MAX_DELAY_SECONDS)

    jwks_url: str = ""
    """URL of the public keys that verify access tokens (http://auth:8001/.well-known/jwks.json)."""
    token_issuer: str = "parley"  # noqa: S105 - an issuer's name is not a secret
    token_audience: str = "parley-api"  # noqa: S105 - as above

    rate_limit_enabled: bool = True
    rate_limits: dict[str, int] = {}
    """Requests per minute by limit name. They override the routes' defaults: {"random": 600}."""

    max_body_bytes: int = Field(default=65_536, gt=0)
    """For JSON and all other bodies, except forms with files, which have `max_form_bytes`."""
    max_form_bytes: int = Field(default=65_536, gt=0)

    max_requests_in_work: int = Field(default=32, ge=1)
    max_requests_waiting: int = Field(default=256, ge=0)
    """Beyond it, and after `max_request_wait_seconds`, the API returns 503 `overloaded`."""
    max_request_wait_seconds: float = Field(default=1.0, gt=0)
    max_user_requests_in_work: int = Field(default=0, ge=0)
    """Per user. 0 means no limit."""
    max_user_admin_requests_in_work: int = Field(default=0, ge=0)
    """Per user of the admin panel and its API. 0 means the same limit as above."""
    max_address_requests_arriving: int = Field(default=100, ge=1)
    """Requests of one client address whose bodies are incomplete; further ones get 429."""


class DatabaseSettings(Settings):
    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=1)
    # Overflow connections close as soon as they are returned; under load each request would open a new one.
    database_pool_overflow: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _validate_driver(self) -> Self:
        if not self.database_url.get_secret_value().startswith("postgresql+asyncpg://"):
            raise ValueError("DATABASE_URL must start with postgresql+asyncpg://")
        return self


class BrokerSettings(Settings):
    rabbitmq_url: SecretStr
    queue_type: QueueType = "classic"


class MessagingSettings(ServerSettings, DatabaseSettings, BrokerSettings):
    """A worker: it drains the outbox and consumes."""


class StorageSettings(Settings):
    """Objects in S3."""

    s3_endpoint: str = "http://127.0.0.1:9000"
    s3_public_endpoint: Annotated[str, Public()] = ""
    """The endpoint as clients reach it. Presigned URLs are bound to it. Default: `s3_endpoint`."""
    s3_access_key: str
    s3_secret_key: SecretStr
    s3_bucket: str = "parley-audio"
    s3_region: str = "us-east-1"

    @model_validator(mode="after")
    def _require_real_secret(self) -> Self:
        if is_placeholder(self.s3_secret_key.get_secret_value()):
            raise ValueError("S3_SECRET_KEY is a placeholder; set the real secret")
        return self

    @model_validator(mode="after")
    def _require_public_endpoint(self) -> Self:
        if self.environment == "production" and not self.s3_public_endpoint:
            problem = find_problem("s3_endpoint", self.s3_endpoint, [Public()])
            if problem:
                raise ValueError(f"S3_PUBLIC_ENDPOINT is not set, and S3_ENDPOINT {problem}")
        return self
