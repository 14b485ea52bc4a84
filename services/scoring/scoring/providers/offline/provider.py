"""Scores recordings in confined processes, without a network."""

from typing import Any, Self

import structlog
from pydantic import TypeAdapter
from shared.confined.pool import NoWorkerFree, WorkerPool

from scoring.audio.recording import Recording
from scoring.audio.workers import WorkerOwner
from scoring.domain.error_encoding import decode_error
from scoring.domain.scores import ScoringResult
from scoring.errors import ProviderTimeout, ProviderUnavailable
from scoring.providers.base import Capabilities
from scoring.providers.offline import PROVIDER, SCORER
from scoring.settings import ApiSettings
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

ASSESSMENT = TypeAdapter(ScoringResult)
PROCESS = "scoring.providers.offline.process"


class OfflineProvider(WorkerOwner):
    """Supports American English, with phonemes in ARPAbet. See docs/offline-scoring.md for its quality."""

    capabilities = Capabilities(
        provider=PROVIDER,
        scorer=SCORER,
        languages=("en-US",),
        phoneme_alphabet="arpabet",
        prosody=True,
        max_seconds=MAX_AUDIO_SECONDS,
        validated_on=("Mandarin Chinese",),
    )

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        workers = WorkerPool(
            PROCESS,
            count=settings.scoring_workers,
            timeout_seconds=settings.scoring_timeout_seconds,
            forking=True,
        )
        return cls(workers)

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        response = await self._run(recording.to_head() | {"text": text}, recording)
        if "error" in response:
            raise decode_error(**response["error"])
        if "failure" in response:
            log.error("worker_failed", error=response["failure"])
            raise ProviderUnavailable("The recording could not be scored.", retry_after=1)
        return ASSESSMENT.validate_python(response["assessment"])

    async def _run(self, head: dict[str, Any], recording: Recording) -> dict[str, Any]:
        try:
            return await self._workers.run(head, recording.pcm)
        except NoWorkerFree:
            detail = "Too many recordings are being scored; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from None
        except TimeoutError as error:
            raise ProviderTimeout("The recording could not be scored in time.") from error
        except OSError as error:
            detail = "Scoring was interrupted; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=1) from error
