import os
from pathlib import Path

from pydantic import Field
from shared.settings import HttpApiSettings

from scoring.types import SpeechProviderName


class ApiSettings(HttpApiSettings):
    receipt_signing_keys_file: Path
    """A private JWK set (EC, P-256). The first key signs receipts."""

    speech_provider: SpeechProviderName = "offline"

    scoring_decoders: int = Field(default=1, ge=1)
    """Recordings that are decoded at the same time, each by a process of about 50 MB."""
    scoring_workers: int = Field(default=os.cpu_count() or 1, ge=1)
    """Recordings that are scored at the same time, each by a process of about 90 MB."""
    scoring_queue_size: int = Field(default=16, ge=0)
    """Recordings that may wait for a worker. Further ones are answered with 503."""
    scoring_timeout_seconds: float = Field(default=12.0, gt=0)
    """Time from receiving a recording to its scores. Beyond it, the answer is 504."""

    # The route counts the bytes itself, so that it can answer `audio_too_large`.
    max_form_bytes: int = 1 << 40
    max_body_bytes: int = Field(default=16_384, gt=0)
