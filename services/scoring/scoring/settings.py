"""Configuration of the scoring service."""

import os
from pathlib import Path

from pydantic import Field
from shared.settings import Settings


class ApiSettings(Settings):
    """Where the keys are, and how much is scored at once."""

    receipt_signing_keys_file: Path
    """The private JWK set that receipts are signed with; the first key signs."""

    scoring_workers: int = Field(default=os.cpu_count() or 1, ge=1)
    """Recordings that are scored at the same time, each by a process of about 90 MB."""
    scoring_queue_size: int = Field(default=16, ge=0)
    """Recordings that may wait for them; beyond, the answer is 503."""
    scoring_timeout_seconds: float = Field(default=12.0, gt=0)
    """From the received recording to its scores; beyond, the answer is 504."""

    # The route counts the bytes itself, so that its refusal can say audio_too_large.
    max_body_bytes: int = 1 << 40
