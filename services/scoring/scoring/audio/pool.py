"""The decode processes as seen by the API."""

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import structlog
from shared.background import SupervisedLoop
from shared.confined.pool import PoolFull, WorkerDied, WorkerPool

from scoring.audio.buffer import AudioBufferManager
from scoring.audio.recording import BYTES_PER_SAMPLE, SAMPLE_RATE, Recording
from scoring.domain.verdicts import decode_error
from scoring.errors import ProviderUnavailable, UnsupportedAudio
from scoring.settings import ApiSettings
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

PROCESS = "scoring.audio.process"
TIMEOUT_SECONDS = 3.0
MAX_PCM_BYTES = (MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE * BYTES_PER_SAMPLE
KILLED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


class DecoderPool:
    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        workers = WorkerPool(
            PROCESS,
            count=settings.scoring_decoders,
            queue_size=settings.scoring_queue_size,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        return cls(workers)

    @property
    def loops(self) -> Sequence[SupervisedLoop]:
        return self._workers.loops

    def start(self) -> None:
        self._workers.start()

    async def close(self) -> None:
        await self._workers.close()

    async def ping(self) -> None:
        if not self._workers.is_ready:
            raise ProviderUnavailable("No decode process is running.")

    @asynccontextmanager
    async def decode(self, upload: AudioBufferManager) -> AsyncIterator[Recording]:
        """Decode an upload, which is overwritten at once. The recording is, when the block ends.

        Raises UnsupportedAudio, AudioTooLong, NotAssessable or ProviderUnavailable.
        """
        with AudioBufferManager(0) as pcm:
            with upload:
                head = await self._run(upload.view(), pcm)
            if "error" in head:
                raise decode_error(**head["error"])
            if "failure" in head:
                log.error("decoding_failed", error=head["failure"])
                raise UnsupportedAudio("The audio cannot be decoded.")
            yield Recording.from_head(head, pcm.view())

    async def _run(self, audio: memoryview, pcm: AudioBufferManager) -> dict[str, Any]:
        def reserve(size: int) -> memoryview:
            if size > MAX_PCM_BYTES:
                raise ConnectionAbortedError(f"A decoded recording has {size} bytes.")
            return pcm.extend(size)

        try:
            return await self._workers.run({}, audio, reserve=reserve)
        except (PoolFull, TimeoutError) as error:
            detail = "Too many recordings are being decoded; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from error
        except WorkerDied as error:
            if error.status in KILLED_FROM_OUTSIDE:
                detail = "Decoding was interrupted; try again in a moment."
                raise ProviderUnavailable(detail, retry_after=1) from error
            # It crashed, or used up its CPU time: so would it the next time.
            raise UnsupportedAudio("The audio cannot be decoded in reasonable time.") from error
