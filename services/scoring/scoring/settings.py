import os
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode
from shared.placeholders import Issued
from shared.settings import HttpApiSettings

from scoring.types import DEFAULT_QUEUE_SIZE, MAX_AUDIO_SECONDS, SpeechProviderName

MIN_UPLOAD_BYTES = 16 * 1024 * 1024
"""Enough for any recording."""


class ApiSettings(HttpApiSettings):
    # uvloop keeps the last 250 kB that it received, and has no way to overwrite them.
    event_loop: ClassVar[Literal["uvloop", "asyncio"]] = "asyncio"

    receipt_signing_keys_file: Path
    """A private JWK set (EC, P-256). The first key signs receipts."""

    speech_provider: Annotated[tuple[SpeechProviderName, ...], NoDecode] = ("offline",)
    """Comma-separated. The next provider is used when one is down, throttled or over budget."""
    speech_daily_seconds_per_learner: int = Field(default=0, ge=0)
    """Audio of one learner that paid providers receive in a day (UTC). 0 means no limit."""
    speech_monthly_seconds: int = Field(default=0, ge=0)
    """Audio that paid providers receive in a month (UTC). 0 means no limit."""

    scoring_decoders: int = Field(default=1, ge=1)
    """Recordings decoded concurrently, each by a process of about 50 MB."""
    scoring_workers: int = Field(default=os.cpu_count() or 1, ge=1)
    """Recordings scored offline concurrently. Their processes share 160 MB and use up to 120 MB more each."""
    scoring_queue_size: int = Field(default=DEFAULT_QUEUE_SIZE, ge=0)
    """Recordings that may wait for a decoder, and for each provider. Further ones get 503."""
    scoring_timeout_seconds: float = Field(default=12.0, gt=0)
    """Time from receiving a recording to its scores. Requests that would take longer immediately get 503."""
    scoring_learner_recordings: int = Field(default=2, ge=1)
    """Running or waiting recordings per learner, including uploads. Further ones get 429."""
    scoring_learner_seconds_per_minute: int = Field(default=300, ge=MAX_AUDIO_SECONDS)
    """Audio per learner, in all replicas. Recordings beyond it get 429."""
    scoring_upload_bytes: int = Field(default=128 * 1024 * 1024, ge=MIN_UPLOAD_BYTES)
    """Memory for all uploads together. Uploads beyond it get 503."""

    azure_speech_key: Annotated[SecretStr, Issued()] = SecretStr("")
    azure_speech_region: str = ""
    """The resource's region, such as westeurope."""
    azure_speech_endpoint: str = ""
    """The resource's own address (wss:// or https://), for a private link; used instead of the region."""
    azure_concurrency: int = Field(default=20, ge=1, le=100)
    """Concurrent recognitions. A resource allows 100 in all processes together, a free one 1."""
    azure_timeout_seconds: float = Field(default=10.0, gt=0, le=60)
    """Time from a recording to Azure's scores, including retries."""

    # The endpoint counts the bytes itself, so that it can return `audio_too_large`.
    max_form_bytes: int = 1 << 40
    max_body_bytes: int = Field(default=16_384, gt=0)

    # Recordings have their own queues, and must not delay the capabilities.
    max_requests_in_work: int = Field(default=256, ge=1)

    @field_validator("speech_provider", mode="before")
    @classmethod
    def _split_names(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        known_names = get_args(SpeechProviderName.__value__)
        if not names or not set(names) <= set(known_names):
            name_list = ", ".join(map(repr, known_names))
            raise ValueError(f"must be one or more of these, separated by commas: {name_list}")
        if len(set(names)) < len(names):
            raise ValueError("must name each provider only once")
        return tuple(names)

    @field_validator("azure_speech_region")
    @classmethod
    def _ensure_region_name(cls, value: str) -> str:
        # The name becomes part of the service's address.
        if not re.fullmatch("[a-z0-9-]*", value):
            raise ValueError("must be a region's name in lower case, without spaces, such as westeurope")
        return value

    @model_validator(mode="after")
    def _ensure_azure_settings(self) -> Self:
        if "azure" not in self.speech_provider:
            return self
        key = self.azure_speech_key.get_secret_value()
        if not key:
            raise ValueError("AZURE_SPEECH_KEY is not set, but SPEECH_PROVIDER names azure")
        if any(not " " < character < "\x7f" for character in key):
            raise ValueError(
                "AZURE_SPEECH_KEY contains a space, a line break or another character that no key has"
            )
        if not (self.azure_speech_region or self.azure_speech_endpoint):
            raise ValueError(
                "AZURE_SPEECH_REGION or AZURE_SPEECH_ENDPOINT must be set if SPEECH_PROVIDER names azure"
            )
        if self.azure_speech_endpoint:
            self._ensure_secure_endpoint()
        return self

    def _ensure_secure_endpoint(self) -> None:
        secure = ("wss", "https")
        schemes = (*secure, "ws", "http") if self.is_development else secure
        url = urlsplit(self.azure_speech_endpoint)
        if url.scheme not in schemes or not url.hostname:
            raise ValueError("AZURE_SPEECH_ENDPOINT must be an address that starts with wss:// or https://")
