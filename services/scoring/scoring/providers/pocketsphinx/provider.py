"""The pocketsphinx provider as seen by the rest of the service."""

from collections.abc import Sequence
from typing import Any, Self

import structlog
from pydantic import TypeAdapter
from shared.confined.pool import NoWorkerFree, WorkerPool

from scoring.audio.recording import Recording
from scoring.audio.workers import WorkerOwner
from scoring.domain.scores import ScoringResult
from scoring.domain.verdicts import decode_error
from scoring.errors import NotAssessable, ProviderTimeout, ProviderUnavailable
from scoring.providers.base import Capabilities
from scoring.providers.pocketsphinx import PROVIDER, SCORER
from scoring.settings import ApiSettings
from scoring.text.words import to_spoken_words
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

ASSESSMENT = TypeAdapter(ScoringResult)
PROCESS = "scoring.providers.pocketsphinx.process"


class PocketsphinxProvider(WorkerOwner):
    """American English, phonemes in ARPAbet, no prosody. Not calibrated, see docs/offline-scoring.md."""

    capabilities = Capabilities(
        provider=PROVIDER,
        scorer=SCORER,
        languages=("en-US",),
        phoneme_alphabet="arpabet",
        prosody=False,
        max_seconds=MAX_AUDIO_SECONDS,
    )

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        return cls(
            WorkerPool(
                PROCESS, count=settings.scoring_workers, timeout_seconds=settings.scoring_timeout_seconds
            )
        )

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        if recording.is_narrowband:
            # Its acoustic model was trained without telephones: it takes 10 to 40 points from some of them.
            detail = "The recording lacks the high frequencies of a voice: record at 16 kHz or more."
            raise NotAssessable(detail, reason="low_quality")
        answer = await self._run(recording, to_spoken_words(text))
        if "error" in answer:
            raise decode_error(**answer["error"])
        if "failure" in answer:
            log.error("worker_failed", error=answer["failure"])
            raise ProviderUnavailable("The recording could not be scored.", retry_after=1)
        return ASSESSMENT.validate_python(answer["assessment"])

    async def _run(self, recording: Recording, words: Sequence[str]) -> dict[str, Any]:
        try:
            return await self._workers.run(recording.to_head() | {"words": words}, recording.pcm)
        except NoWorkerFree:
            detail = "Too many recordings are being scored; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from None
        except TimeoutError as error:
            raise ProviderTimeout("The recording could not be scored in time.") from error
        except OSError as error:
            detail = "Scoring was interrupted; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=1) from error
