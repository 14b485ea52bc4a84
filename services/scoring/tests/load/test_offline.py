"""Fair shares of the offline provider, through the whole API."""

import asyncio
from collections.abc import Callable
from statistics import median
from uuid import uuid4

import httpx
import numpy as np
from numpy.typing import NDArray
from scoring.app import create_app
from scoring.settings import ApiSettings
from shared.testing import TokenFor, api_client
from tests.load.traffic import Record

TEXT = "The train leaves at seven in the morning."


async def test_a_learner_whose_recordings_take_long_takes_little_from_others(
    settings: ApiSettings,
    token_for: TokenFor,
    voice: NDArray[np.float32],
    encode: Callable[..., bytes],
    reading: bytes,
    record_property: Record,
) -> None:
    async def post(audio: bytes, text: str, token: str) -> httpx.Response:
        form = {"audio": ("speech", audio), "reference_text": (None, text.encode())}
        headers = {"Authorization": f"Bearer {token}"}
        return await client.post("/api/v1/speech/score", files=form, headers=headers)

    async def ask_in_turn() -> float:
        loop, times = asyncio.get_running_loop(), list[float]()
        for _ in range(6):
            started = loop.time()
            assert (await post(reading, TEXT, other)).status_code == 200
            times.append(loop.time() - started)
        return median(times)

    async def send_repeatedly() -> None:
        async with asyncio.timeout(30):
            while True:
                await post(long, "㎯" * 50, greedy)
                await asyncio.sleep(0.01)

    greedy, other, long = token_for(uuid4()), token_for(uuid4()), encode(np.tile(voice, 12), "ogg")
    async with api_client(create_app(settings)) as client:
        await ask_in_turn()
        alone = await ask_in_turn()
        sending = [asyncio.create_task(send_repeatedly()) for _ in range(2)]
        await asyncio.sleep(0.5)
        meanwhile = await ask_in_turn()
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
    record_property("alone and meanwhile", (alone, meanwhile))
    assert meanwhile < 5 * alone
