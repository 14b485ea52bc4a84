import asyncio

import pytest
from scoring.audio.buffer import AudioBufferManager


def test_outgrown_buffers_are_overwritten() -> None:
    buffer = AudioBufferManager()
    buffer.append(memoryview(b"voice"))
    outgrown = buffer._data
    buffer.append(memoryview(bytes(400_000)))
    assert bytes(buffer.view()[:5]) == b"voice"
    assert not any(outgrown)


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
