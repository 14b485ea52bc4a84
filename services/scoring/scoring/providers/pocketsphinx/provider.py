"""The pocketsphinx provider as seen by the rest of the service."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import structlog
from pydantic import TypeAdapter
from shared.audio.formats import FORMATS
from shared.background import SupervisedLoop
from shared.confined.pool import PoolFull, WorkerPool

from scoring.domain.scores import ScoringResult
from scoring.errors import ProviderTimeout, ProviderUnavailable
from scoring.providers.base import Capabilities
from scoring.providers.pocketsphinx.wire import decode_error
from scoring.settings import ApiSettings
from scoring.text.words import to_spoken_words
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

ASSESSMENT = TypeAdapter(ScoringResult)
PROCESS = "scoring.providers.pocketsphinx.process"


class PocketsphinxProvider:
    """American English, phonemes in ARPAbet, no prosody. Not calibrated, see the README."""

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

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        workers = WorkerPool(
            PROCESS,
            count=settings.scoring_workers,
            queue_size=settings.scoring_queue_size,
            timeout_seconds=settings.scoring_timeout_seconds,
        )
        return cls(workers)

    @property
    def loops(self) -> Sequence[SupervisedLoop]:
        return self._workers.loops

    async def start(self) -> None:
        # In the background: requests wait until a worker has loaded its model.
        self._workers.start()

    async def close(self) -> None:
        await self._workers.close()

    async def ping(self) -> None:
        if not self._workers.is_ready:
            raise ProviderUnavailable("No worker is running.")

    async def assess(self, audio: memoryview, *, text: str, language: str) -> ScoringResult:
        answer = await self._run({"words": to_spoken_words(text)}, audio)
        if "error" in answer:
            raise decode_error(**answer["error"])
        if "failure" in answer:
            log.error("worker_failed", error=answer["failure"])
            raise ProviderUnavailable("The recording could not be scored.", retry_after=1)
        return ASSESSMENT.validate_python(answer["assessment"])

    async def _run(self, head: Mapping[str, Any], audio: memoryview) -> dict[str, Any]:
        try:
            return await self._workers.run(head, audio)
        except PoolFull:
            detail = "Too many recordings are being scored; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from None
        except TimeoutError as error:
            raise ProviderTimeout("The recording could not be scored in time.") from error
        except OSError as error:
            detail = "Scoring was interrupted; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=1) from error
