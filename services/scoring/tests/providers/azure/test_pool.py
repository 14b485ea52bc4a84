"""Cancellation of recognitions, with a stand-in for the SDK."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from scoring.audio.recording import Recording
from scoring.domain.metering import SendAttempt
from scoring.providers.azure import pool
from scoring.providers.azure.configuration import Connection, RecognitionRequest
from scoring.providers.azure.outcomes import Outcome
from scoring.providers.azure.pool import RecognitionPool

REQUEST = RecognitionRequest("The train leaves at seven in the morning.", "en-US", 3.0)


class FakeSdk:
    """A recognition that never responds, with events for its start, its stop and its end."""

    is_sent = True

    def __init__(self) -> None:
        self.begun, self.stopped, self.may_end = threading.Event(), threading.Event(), threading.Event()

    def run(self, response: Callable[[Outcome], None]) -> None:
        self.begun.set()
        self.may_end.wait(10)

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def fake_sdk(monkeypatch: pytest.MonkeyPatch) -> FakeSdk:
    fake_sdk = FakeSdk()
    monkeypatch.setattr(pool, "Recognition", lambda *_: fake_sdk)
    return fake_sdk


@pytest.fixture
async def recognizing(
    fake_sdk: FakeSdk, recording: Recording
) -> AsyncIterator[tuple[RecognitionPool, asyncio.Task[Outcome]]]:
    """A pool with one slot, and the request that occupies it."""
    slots = RecognitionPool(Connection(key="key", region="westeurope"), concurrency=1)
    deadline = asyncio.get_running_loop().time() + 30
    recognized = slots.recognize(REQUEST, recording.pcm, deadline=deadline, send_attempt=SendAttempt())
    task = asyncio.create_task(recognized)
    await asyncio.to_thread(fake_sdk.begun.wait, 10)
    yield slots, task
    fake_sdk.may_end.set()
    await slots.close()


async def test_a_cancelled_recognition_is_stopped_and_outlasts_its_slot(
    recognizing: tuple[RecognitionPool, asyncio.Task[Outcome]], fake_sdk: FakeSdk
) -> None:
    slots, task = recognizing
    task.cancel()
    await asyncio.to_thread(fake_sdk.stopped.wait, 10)
    await asyncio.wait([task], timeout=0.2)
    assert not task.done()
    assert slots.taken == 1
    fake_sdk.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slots.taken == 0


async def test_waiting_for_a_hanging_sdk_times_out(
    recognizing: tuple[RecognitionPool, asyncio.Task[Outcome]], monkeypatch: pytest.MonkeyPatch
) -> None:
    slots, task = recognizing
    monkeypatch.setattr(pool, "MAX_CLEANUP_SECONDS", 0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, timeout=5)
    assert slots.taken == 1
