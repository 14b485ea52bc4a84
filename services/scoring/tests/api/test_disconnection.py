import asyncio

import httpx
import pytest
from fastapi import FastAPI
from scoring.api.disconnection import MAX_IGNORED_BYTES, cancel_on_disconnect
from scoring.audio.recording import Recording
from scoring.domain.scores import ScoringResult
from scoring.errors import ClientDisconnected
from shared.testing import TokenFor
from tests.leaving_client import LeavingClient

TEXT = "The train leaves at seven in the morning."


async def test_the_block_is_cancelled_when_the_client_disconnects() -> None:
    client, is_cancelled = LeavingClient(), False

    async def work() -> None:
        nonlocal is_cancelled
        async with cancel_on_disconnect(client.request()):
            try:
                client.left.set()
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                is_cancelled = True
                raise

    with pytest.raises(ClientDisconnected):
        await work()
    assert is_cancelled


async def test_a_block_that_ends_first_is_not_cancelled() -> None:
    client = LeavingClient()
    async with cancel_on_disconnect(client.request()):
        await asyncio.sleep(0)
    client.left.set()
    await asyncio.sleep(0.01)


async def test_errors_of_the_block_are_propagated() -> None:
    with pytest.raises(TimeoutError):
        async with cancel_on_disconnect(LeavingClient().request()):
            raise TimeoutError


@pytest.mark.parametrize(("body", "ends"), [(b"\r\n", True), (bytes(MAX_IGNORED_BYTES + 1), False)])
async def test_bytes_after_a_form_are_ignored_up_to_a_limit(body: bytes, ends: bool) -> None:
    client = LeavingClient({"type": "http.request", "body": body, "more_body": True})
    client.left.set()
    try:
        async with cancel_on_disconnect(client.request()):
            await asyncio.sleep(0.05)
    except ClientDisconnected:
        assert ends
    else:
        assert not ends


class HangingProvider:
    """Takes a recording and never responds."""

    def __init__(self) -> None:
        self.started, self.cancelled = asyncio.Event(), asyncio.Event()
        self.pcm = memoryview(b"")

    async def assess(self, recording: Recording, **_: object) -> ScoringResult:
        self.pcm = recording.pcm
        self.started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError


@pytest.fixture
def hanging(app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> HangingProvider:
    """Replaces the provider of the application, which `client` has started."""
    hanging = HangingProvider()
    monkeypatch.setattr(app.state.providers, "assess", hanging.assess)
    return hanging


async def test_scoring_is_cancelled_and_samples_overwritten_when_the_client_disconnects(
    app: FastAPI, hanging: HangingProvider, reading: bytes, token_for: TokenFor, learner: object
) -> None:
    client = LeavingClient()
    async with asyncio.timeout(20):
        request = asyncio.create_task(client.score(app, audio=reading, text=TEXT, token=token_for(learner)))
        await hanging.started.wait()
        assert any(hanging.pcm)
        client.left.set()
        await request
    assert hanging.cancelled.is_set()
    assert not any(hanging.pcm)
    assert client.status == 499
