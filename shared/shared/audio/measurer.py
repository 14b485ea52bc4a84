"""Measures recordings in a confined process, which runs only while there is something to measure."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import structlog

from shared.audio.measurement import MAX_AUDIO_BYTES, AudioTooLong, Measurement, UndecodableAudio
from shared.confined.worker import Worker
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

PROCESS = "shared.audio.process"
TIMEOUT_SECONDS = 15.0
IDLE_SECONDS = 30.0
MAX_WAITING = 64


class MeasuringUnavailable(Unavailable):
    """Too many recordings wait to be measured; try again after `Retry-After`."""

    code = "measuring_unavailable"


class Measurer:
    """A single process. Recordings are measured in order of arrival."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._worker: Worker | None = None
        self._ending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ending is not None:
            self._ending.cancel()
        await self._stop()

    async def measure(self, content: bytes | AsyncIterator[bytes], *, size: int | None = None) -> Measurement:
        """Measure a recording, given whole or in chunks of `size` bytes in total.

        Raises UndecodableAudio, AudioTooLong, MeasuringUnavailable, and what the chunks raise.
        """
        if self._waiting >= MAX_WAITING:
            raise MeasuringUnavailable("Too many recordings wait to be measured.", retry_after=5)
        self._waiting += 1
        try:
            async with self._turn:
                response = await self._request_measurement(
                    content, len(content) if isinstance(content, bytes) else size or 0
                )
        finally:
            self._waiting -= 1
        return _to_measurement(response)

    async def _request_measurement(self, content: bytes | AsyncIterator[bytes], size: int) -> dict[str, Any]:
        if size > MAX_AUDIO_BYTES:
            raise UndecodableAudio(f"The recording is larger than {MAX_AUDIO_BYTES} bytes.")
        if self._ending is not None:
            self._ending.cancel()
        try:
            return await self._call(content, size)
        finally:
            self._ending = asyncio.create_task(self._stop_when_idle())

    async def _call(self, content: bytes | AsyncIterator[bytes], size: int) -> dict[str, Any]:
        try:
            if self._worker is None or not self._worker.is_alive:
                await self._stop()
                self._worker = await _start_worker()
            if not isinstance(content, bytes):
                return await self._worker.call_with_chunks(
                    {}, content, size=size, timeout_seconds=TIMEOUT_SECONDS
                )
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._worker.call({}, memoryview(content))
        except BaseException as error:
            await self._stop()
            # A recording that needs too much time or memory, or crashes the decoder, is itself invalid.
            if isinstance(error, TimeoutError | OSError | EOFError):
                log.warning("recording_not_measured", error=type(error).__name__)
                raise UndecodableAudio("The recording cannot be decoded in reasonable time.") from error
            raise

    async def _stop_when_idle(self) -> None:
        await asyncio.sleep(IDLE_SECONDS)
        async with self._turn:
            await self._stop()

    async def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()


async def _start_worker() -> Worker:
    try:
        return await Worker.start(PROCESS)
    except (TimeoutError, OSError) as error:
        log.error("measuring_process_not_started", error=type(error).__name__)
        raise MeasuringUnavailable("Recordings cannot be measured right now.", retry_after=5) from error


def _to_measurement(response: dict[str, Any]) -> Measurement:
    if "measurement" in response:
        return Measurement(**response["measurement"])
    if "too_long" in response:
        raise AudioTooLong(response["too_long"])
    if "failure" in response:
        log.error("measuring_failed", error=response["failure"])
    raise UndecodableAudio(response.get("undecodable", "The recording cannot be decoded."))
