import asyncio

import pytest
from scoring.audio.buffer import AudioBufferManager
from shared.audio.measurement import MAX_AUDIO_BYTES


def test_outgrown_buffers_are_overwritten() -> None:
    buffer = AudioBufferManager()
    buffer.append(memoryview(b"voice"))
    outgrown = buffer._data
    buffer.append(memoryview(bytes(400_000)))
    assert bytes(buffer.view()[:5]) == b"voice"
    assert not any(outgrown)


def test_a_buffer_takes_no_more_memory_than_a_recording_may_have() -> None:
    buffer = AudioBufferManager(max_bytes=MAX_AUDIO_BYTES)
    for _ in range(MAX_AUDIO_BYTES // 65_536):
        buffer.append(memoryview(bytes(65_536)))
        assert len(buffer._data) <= MAX_AUDIO_BYTES
    assert len(buffer) == MAX_AUDIO_BYTES


def test_a_small_recording_takes_no_more_memory_than_its_size() -> None:
    buffer = AudioBufferManager(max_bytes=300_000)
    for _ in range(30):
        buffer.append(memoryview(bytes(10_000)))
    assert len(buffer._data) == 300_000


def test_its_memory_is_released_once_it_is_overwritten() -> None:
    given_back = []
    with AudioBufferManager(on_wiped=lambda: given_back.append(any(view))) as buffer:
        buffer.append(memoryview(b"voice"))
        buffer.append(memoryview(bytes(400_000)))
        view = buffer.view()
        assert not given_back
    assert given_back == [False]


def test_the_recording_is_overwritten_when_the_block_ends() -> None:
    with AudioBufferManager() as buffer:
        buffer.append(memoryview(b"voice"))
        view = buffer.view()
    assert not any(view)
    assert not len(buffer)


def test_the_recording_is_overwritten_after_an_error() -> None:
    buffer = AudioBufferManager()
    buffer.append(memoryview(b"voice"))
    view = buffer.view()
    with pytest.raises(ZeroDivisionError), buffer:
        _ = 1 / 0
    assert len(view) == 5
    assert not any(view)


async def test_the_recording_is_overwritten_when_the_request_is_cancelled() -> None:
    views = []

    async def hold() -> None:
        with AudioBufferManager() as buffer:
            buffer.append(memoryview(b"voice"))
            views.append(buffer.view())
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(views) == 1
    assert not any(views[0])
