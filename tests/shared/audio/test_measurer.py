import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shared.audio import measurer as module
from shared.audio.measurement import AudioTooLong, Measurement, UndecodableAudio
from shared.audio.measurer import Measurer, MeasuringUnavailable

from tests.shared.audio.test_measure import WAV, encode, make_tone


@pytest.fixture
async def measurer() -> AsyncIterator[Measurer]:
    async with Measurer() as measurer:
        yield measurer


async def split_into_chunks(content: bytes, *, size: int = 10_000) -> AsyncIterator[bytes]:
    for offset in range(0, len(content), size):
        await asyncio.sleep(0)
        yield content[offset : offset + size]


def find_pid(measurer: Measurer) -> int:
    assert measurer._worker is not None
    return measurer._worker.process.pid


async def test_a_recording_is_measured_whole_and_in_chunks(measurer: Measurer) -> None:
    measurement = await measurer.measure(WAV)
    assert (measurement.duration_ms, measurement.format, measurement.codec, measurement.channels) == (
        3_000,
        "wav",
        "pcm_s16le",
        1,
    )
    assert await measurer.measure(split_into_chunks(WAV), size=len(WAV)) == measurement


async def test_refusals_are_raised_as_errors(measurer: Measurer) -> None:
    with pytest.raises(UndecodableAudio, match="supported format"):
        await measurer.measure(b"hello")
    with pytest.raises(AudioTooLong):
        await measurer.measure(encode([make_tone(302) * 0], "flac", "flac"))
    with pytest.raises(UndecodableAudio, match="bytes"):
        await measurer.measure(bytes(10 * 1024 * 1024 + 1))
    assert isinstance(await measurer.measure(WAV), Measurement)


@pytest.mark.parametrize("size", [len(WAV) - 1, len(WAV) + 1])
async def test_chunks_of_another_size_are_refused(measurer: Measurer, size: int) -> None:
    with pytest.raises(UndecodableAudio):
        await measurer.measure(split_into_chunks(WAV), size=size)
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_a_source_that_fails_affects_one_recording_only(measurer: Measurer) -> None:
    async def yield_and_break() -> AsyncIterator[bytes]:
        yield WAV[:1000]
        raise LookupError

    with pytest.raises(LookupError):
        await measurer.measure(yield_and_break(), size=len(WAV))
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_a_process_that_dies_affects_one_recording_only(measurer: Measurer) -> None:
    await measurer.measure(WAV)
    os.kill(find_pid(measurer), 9)
    with pytest.raises(UndecodableAudio):
        await measurer.measure(WAV)
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_measuring_has_a_time_limit(measurer: Measurer, monkeypatch: pytest.MonkeyPatch) -> None:
    await measurer.measure(WAV)
    os.kill(find_pid(measurer), 19)
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UndecodableAudio):
        await measurer.measure(WAV)
    monkeypatch.undo()
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_a_slow_source_is_not_reported_as_a_bad_recording(
    measurer: Measurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await measurer.measure(WAV)
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 1.0)

    async def yield_slowly() -> AsyncIterator[bytes]:
        async for chunk in split_into_chunks(WAV, size=len(WAV) // 3):
            await asyncio.sleep(0.5)
            yield chunk

    assert (await measurer.measure(yield_slowly(), size=len(WAV))).duration_ms == 3_000


async def test_a_process_that_does_not_start_is_not_reported_as_a_bad_recording(
    measurer: Measurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as yield_and_break:
        yield_and_break.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(MeasuringUnavailable):
            await measurer.measure(WAV)
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_an_idle_process_ends(measurer: Measurer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
    await measurer.measure(WAV)
    pid = find_pid(measurer)
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110, ASYNC240 - another process's end; /proc does not block
            await asyncio.sleep(0.05)
    assert (await measurer.measure(WAV)).duration_ms == 3_000


async def test_recordings_are_queued_and_too_many_are_refused(
    measurer: Measurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    finished = list[int]()

    async def measure(number: int) -> None:
        await measurer.measure(WAV)
        finished.append(number)

    results = await asyncio.gather(*map(measure, range(8)), return_exceptions=True)
    assert finished == list(range(5))
    assert [isinstance(result, MeasuringUnavailable) for result in results] == [False] * 5 + [True] * 3


async def test_the_process_has_no_secrets_and_writes_no_files(
    measurer: Measurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "secret-of-the-parent")
    await measurer.measure(WAV)
    with open(f"/proc/{find_pid(measurer)}/environ", "rb") as environ:  # noqa: ASYNC230 - /proc does not block
        assert b"secret-of-the-parent" not in environ.read()
    with open(f"/proc/{find_pid(measurer)}/limits") as limits:  # noqa: ASYNC230 - as above
        values = {line[:26].strip(): line[26:].split()[0] for line in limits}
    # The kernel dumps nothing at a limit of one byte either.
    assert (values["Max file size"], values["Max core file size"] in ("0", "1")) == ("0", True)
    assert values["Max cpu time"] != "unlimited"
