"""The decoder processes, as used by the API."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import structlog
from shared.audio.measurement import MAX_AUDIO_BYTES, SAMPLE_RATE
from shared.confined.pool import NoWorkerFree, WorkerDied, WorkerPool

from scoring.admission import FairQueue
from scoring.audio.buffer import AudioBufferManager
from scoring.audio.recording import BYTES_PER_SAMPLE, Recording
from scoring.audio.workers import WorkerOwner
from scoring.domain.durations import DurationEstimator
from scoring.domain.error_encoding import decode_error
from scoring.domain.turns import Ticket
from scoring.errors import ProviderUnavailable, UnsupportedAudio
from scoring.settings import ApiSettings
from scoring.types import DEFAULT_QUEUE_SIZE, MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

PROCESS = "scoring.audio.process"
TIMEOUT_SECONDS = 8.0
"""A process reaches its CPU time limit much earlier, unless other programs use the processors."""
FIRST_ESTIMATE = (0.1, 0.5)
"""Seconds for any upload, plus the additional seconds for the largest."""
MAX_PCM_BYTES = (MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE * BYTES_PER_SAMPLE
EXTERNAL_SIGNALS = (-signal.SIGKILL, -signal.SIGTERM)


class DecoderPool(WorkerOwner):
    def __init__(self, workers: WorkerPool, *, max_waiting: int = DEFAULT_QUEUE_SIZE) -> None:
        super().__init__(workers)
        estimator = DurationEstimator(seconds=FIRST_ESTIMATE, scales=(MAX_AUDIO_BYTES,))
        self._queue = FairQueue("decoding", estimator, concurrency=self.concurrency, max_waiting=max_waiting)

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        workers = WorkerPool(PROCESS, count=settings.scoring_decoders, timeout_seconds=TIMEOUT_SECONDS)
        return cls(workers, max_waiting=settings.scoring_queue_size)

    @asynccontextmanager
    async def decode(
        self, upload: AudioBufferManager, ticket: Ticket, *, ensure_capacity: Callable[[], object]
    ) -> AsyncIterator[Recording]:
        """Decode an upload and overwrite it immediately. The recording is overwritten when the block ends.

        `ensure_capacity` raises if the recording can no longer be scored in time. Raises UnsupportedAudio,
        AudioTooLong, NotAssessable or ProviderUnavailable.
        """
        with AudioBufferManager(0) as pcm:
            with upload:
                async with self._queue.take_turn(ticket, (len(upload),)):
                    ensure_capacity()
                    head = await self._run(upload.view(), pcm)
            if "error" in head:
                refusal = decode_error(**head["error"])
                refusal.cost_seconds = head["cost_seconds"]
                raise refusal
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
        except (NoWorkerFree, TimeoutError) as error:
            detail = "Too many recordings are being decoded; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from error
        except WorkerDied as error:
            if error.status in EXTERNAL_SIGNALS:
                detail = "Decoding was interrupted; try again in a moment."
                raise ProviderUnavailable(detail, retry_after=1) from error
            # The process crashed or used up its CPU time, and would do so again.
            refusal = UnsupportedAudio("The audio cannot be decoded in reasonable time.")
            refusal.cost_seconds = MAX_AUDIO_SECONDS
            raise refusal from error
