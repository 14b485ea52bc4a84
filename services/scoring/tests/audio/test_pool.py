import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.buffer import AudioBufferManager
from scoring.audio.pool import MAX_PCM_BYTES, PROCESS, DecoderPool
from scoring.audio.recording import Recording
from scoring.domain.turns import Ticket
from scoring.errors import (
    AudioTooLong,
    NotAssessable,
    ProviderUnavailable,
    QueueFull,
    SpeechProcessingError,
    UnsupportedAudio,
)
from shared.confined.pool import WorkerDied, WorkerPool
from shared.confined.worker import ReserveBody
from tests.situations import make_wav
from tests.waiting import wait_until


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    workers = WorkerPool(PROCESS, count=1, timeout_seconds=30)
    workers.start()
    yield workers
    await workers.close()


def create_upload(content: bytes) -> AudioBufferManager:
    upload = AudioBufferManager()
    upload.append(memoryview(content))
    return upload


def decode_upload(
    decoders: DecoderPool, upload: AudioBufferManager, *, ensure_capacity: Callable[[], object] = bool
) -> AbstractAsyncContextManager[Recording]:
    """Decode the upload of some learner within half a minute."""
    ticket = Ticket(uuid4(), asyncio.get_running_loop().time() + 30)
    return decoders.decode(upload, ticket, ensure_capacity=ensure_capacity)


async def decode(workers: WorkerPool, content: bytes) -> bytes:
    async with decode_upload(DecoderPool(workers), create_upload(content)) as recording:
        return bytes(recording.pcm)


async def test_all_samples_are_returned(workers: WorkerPool, reading: bytes, recording: Recording) -> None:
    async with decode_upload(DecoderPool(workers), create_upload(reading)) as decoded:
        assert bytes(decoded.pcm) == bytes(recording.pcm)
        assert decoded.source == recording.source
        assert decoded.seconds == pytest.approx(2.485, abs=0.001)


async def test_the_upload_is_overwritten_before_a_provider_gets_the_samples(
    workers: WorkerPool, reading: bytes
) -> None:
    upload = create_upload(reading)
    sent = upload.view()
    async with decode_upload(DecoderPool(workers), upload) as recording:
        assert not any(sent)
        assert any(recording.pcm)
        assert not len(upload)
    assert not any(recording.pcm)


async def test_the_samples_are_overwritten_after_an_error(workers: WorkerPool, reading: bytes) -> None:
    views: list[memoryview] = []

    async def decode_and_fail() -> None:
        async with decode_upload(DecoderPool(workers), create_upload(reading)) as recording:
            views.append(recording.pcm)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await decode_and_fail()
    assert len(views) == 1
    assert not any(views[0])


async def test_refusals_are_raised_as_errors(
    workers: WorkerPool, encode: Callable[..., bytes], voice: NDArray[np.float32]
) -> None:
    with pytest.raises(UnsupportedAudio):
        await decode(workers, b"This is no recording.")
    with pytest.raises(AudioTooLong):
        await decode(workers, encode(np.tile(voice, 25), "flac"))
    with pytest.raises(NotAssessable) as excinfo:
        await decode(workers, encode(np.zeros(32_000, np.float32)))
    assert excinfo.value.extra == {"reason": "no_speech"}


async def test_a_full_queue_refuses(workers: WorkerPool, reading: bytes) -> None:
    decoders, uploads = DecoderPool(workers, max_waiting=1), [create_upload(reading) for _ in range(3)]

    async def decode() -> None:
        async with decode_upload(decoders, uploads.pop()):
            pass

    outcomes = await asyncio.gather(*(decode() for _ in range(3)), return_exceptions=True)
    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], QueueFull)
    assert int(outcomes[2].headers["Retry-After"]) > 0


async def test_an_upload_is_not_decoded_if_there_is_no_room_left(workers: WorkerPool, reading: bytes) -> None:
    def refuse() -> None:
        raise QueueFull(3)

    upload = create_upload(reading)
    sent = upload.view()
    with pytest.raises(QueueFull):
        async with decode_upload(DecoderPool(workers), upload, ensure_capacity=refuse):
            pass
    assert not any(sent)
    assert await decode(workers, reading)


async def test_the_next_upload_is_decoded_while_a_recording_is_scored(
    workers: WorkerPool, reading: bytes
) -> None:
    decoders = DecoderPool(workers)
    async with (
        decode_upload(decoders, create_upload(reading)),
        decode_upload(decoders, create_upload(reading)) as second,
    ):
        assert any(second.pcm)


@dataclass
class DyingWorkers:
    status: int
    count = 1

    async def run(self, head: object, body: memoryview, *, reserve: ReserveBody) -> None:
        raise WorkerDied(self.status)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGSEGV, UnsupportedAudio),
        (signal.SIGXCPU, UnsupportedAudio),
        (signal.SIGKILL, ProviderUnavailable),
    ],
)
async def test_a_crash_is_attributed_to_the_recording_unless_the_process_was_killed(
    number: signal.Signals, error: type[Exception], reading: bytes
) -> None:
    workers: WorkerPool = DyingWorkers(-number)  # type: ignore[assignment]  # it only runs
    with pytest.raises(error):
        await decode(workers, reading)


async def test_a_refused_recording_is_charged_its_decoding_time(workers: WorkerPool) -> None:
    silence = make_wav(bytes(32_000 * 10), kind=1, bits=16, rate=16_000, channels=1)
    killed_workers: WorkerPool = DyingWorkers(-signal.SIGXCPU)  # type: ignore[assignment]  # it only runs
    costs = []
    for pool in (workers, killed_workers):
        with pytest.raises(SpeechProcessingError) as refused:
            await decode(pool, silence)
        costs.append(refused.value.cost_seconds)
    assert 0 < costs[0] < costs[1] == 60


async def test_a_killed_process_is_replaced(workers: WorkerPool, reading: bytes) -> None:
    before = await decode(workers, reading)
    worker = next(iter(workers._alive))
    os.kill(worker.process.pid, signal.SIGKILL)
    await worker.process.wait()
    assert await decode(workers, reading) == before


async def test_more_samples_than_a_recording_can_have_are_refused(
    workers: WorkerPool, reading: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PCM_BYTES < 2_000_000
    monkeypatch.setattr("scoring.audio.pool.MAX_PCM_BYTES", 1000)
    with pytest.raises(ProviderUnavailable):
        await decode(workers, reading)


async def test_without_a_process_the_api_is_not_ready(workers: WorkerPool) -> None:
    decoders = DecoderPool(workers)
    await wait_until(lambda: workers.is_ready)
    await decoders.ping()
    await workers.close()
    with pytest.raises(ProviderUnavailable):
        await decoders.ping()
