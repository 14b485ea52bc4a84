"""Limits on what one learner can use at the expense of others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from scoring.app import create_app
from scoring.settings import ApiSettings
from shared.testing import TokenFor
from tests.azure_double import KEY, AzureDouble, Turn
from tests.azure_double.scripts import Scores, Script
from tests.leaving_client import LeavingClient
from tests.waiting import wait_until

UNANSWERED = "The train leaves at seven in the morning."
ANSWERED = "The ferry leaves at seven in the morning."
SLOTS = 3
"""One request more than a learner's share."""
CLIENTS = 3


async def answer_only_ferries(turn: Turn) -> None:
    if "ferry" in turn.request.reference_words:
        await Scores()(turn)


@pytest.fixture
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble(Script(answer_only_ferries)).listen() as double:
        yield double


@asynccontextmanager
async def run_app(settings: ApiSettings, double: AzureDouble, **bounds: float) -> AsyncIterator[FastAPI]:
    azure = {
        "speech_provider": ("azure",),
        "azure_speech_key": SecretStr(KEY),
        "azure_speech_endpoint": double.url,
    }
    app = create_app(settings.model_copy(update=azure | bounds))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def azure_app(settings: ApiSettings, double: AzureDouble) -> AsyncIterator[FastAPI]:
    async with run_app(settings, double, azure_concurrency=SLOTS) as app:
        yield app


class DisconnectingLearner:
    """A learner who disconnects during each request, once the Speech service has received it."""

    def __init__(self, app: FastAPI, double: AzureDouble, *, audio: bytes, token: str) -> None:
        self._app, self._double, self._audio, self._token = app, double, audio, token
        self.statuses = Counter[int | None]()

    async def request_repeatedly(self) -> None:
        while True:
            client = LeavingClient()
            async with asyncio.TaskGroup() as tasks:
                leaving = tasks.create_task(self._leave(client))
                await client.score(self._app, audio=self._audio, text=UNANSWERED, token=self._token)
                leaving.cancel()
            self.statuses[client.status] += 1
            await asyncio.sleep(0.02)

    async def _leave(self, client: LeavingClient) -> None:
        connections = self._double.connected
        await wait_until(lambda: self._double.connected != connections)
        client.left.set()


@pytest.mark.timed
async def test_a_learner_who_repeatedly_disconnects_does_not_occupy_all_slots(
    azure_app: FastAPI, double: AzureDouble, reading: bytes, token_for: TokenFor
) -> None:
    disconnecting, other = (
        DisconnectingLearner(azure_app, double, audio=reading, token=token_for(uuid4())),
        LeavingClient(),
    )
    request_tasks = [asyncio.create_task(disconnecting.request_repeatedly()) for _ in range(CLIENTS)]
    try:
        await wait_until(lambda: double.connected >= SLOTS)
        async with asyncio.timeout(2):
            await other.score(azure_app, audio=reading, text=ANSWERED, token=token_for(uuid4()))
    finally:
        for task in request_tasks:
            task.cancel()
        await asyncio.gather(*request_tasks, return_exceptions=True)
    assert other.status == 200
    # Cancelled requests, and requests beyond the share of the learner.
    assert set(disconnecting.statuses) == {499, 429}


async def test_waiting_for_a_slot_does_not_count_as_processing_time(
    settings: ApiSettings, double: AzureDouble, reading: bytes, token_for: TokenFor
) -> None:
    # After a late response, the SDK cleans up for longer than that.
    async with run_app(settings, double, azure_concurrency=1, azure_timeout_seconds=0.8) as app:
        statuses = []
        for text in (UNANSWERED, ANSWERED):
            client = LeavingClient()
            await client.score(app, audio=reading, text=text, token=token_for(uuid4()))
            statuses.append(client.status)
    assert statuses == [504, 200]
