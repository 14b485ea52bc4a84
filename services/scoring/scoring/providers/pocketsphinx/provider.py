"""The offline provider as the rest of the service sees it."""

import structlog
from pydantic import TypeAdapter

from scoring.audio.formats import FORMATS
from scoring.domain.scores import Assessment
from scoring.errors import ProviderUnavailable
from scoring.providers.base import Capabilities
from scoring.providers.pocketsphinx.pool import WorkerPool
from scoring.providers.pocketsphinx.wire import decode_error
from scoring.text.words import to_spoken_words
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

ASSESSMENT = TypeAdapter(Assessment)


class PocketsphinxProvider:
    """American English, phonemes in ARPAbet, no prosody. Uncalibrated; see the README for what that means."""

    capabilities = Capabilities(
        provider="pocketsphinx",
        languages=("en-US",),
        phoneme_alphabet="arpabet",
        prosody=False,
        max_seconds=MAX_AUDIO_SECONDS,
        formats=tuple(known.name for known in FORMATS),
    )

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    async def assess(self, audio: memoryview, *, text: str, language: str) -> Assessment:
        """See Provider. There is one language, so `language` makes no difference."""
        answer = await self._workers.run({"words": to_spoken_words(text)}, audio)
        if "error" in answer:
            raise decode_error(**answer["error"])
        if "failure" in answer:
            log.error("worker_failed", error=answer["failure"])
            raise ProviderUnavailable("The recording could not be scored.", retry_after=1)
        return ASSESSMENT.validate_python(answer["assessment"])

    async def ping(self) -> None:
        """Raise unless a worker is up."""
        if not self._workers.is_ready:
            raise ProviderUnavailable("No worker is up.")
