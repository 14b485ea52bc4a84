"""The offline provider under load, through the whole API: fair shares, and goodput."""

import asyncio
from collections.abc import Callable
from statistics import median
from uuid import uuid4

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.app import create_app
from scoring.errors import ProviderUnavailable
from scoring.settings import ApiSettings
from shared.testing import TokenFor, api_client
from tests.load.traffic import Load, Record, RequestOutcome, SendRequest, keep_busy, send

pytestmark = [pytest.mark.long, pytest.mark.timed]

TEXT = "The train leaves at seven in the morning."


async def test_an_overload_kills_no_worker_and_does_not_reduce_goodput(
    settings: ApiSettings, token_for: TokenFor, reading: bytes, record_property: Record
) -> None:
    app = create_app(settings.model_copy(update={"scoring_timeout_seconds": 4.0}))
    learners = [{"Authorization": f"Bearer {token_for(uuid4())}"} for _ in range(60)]
    form = {"audio": ("speech", reading), "reference_text": (None, TEXT.encode())}

    async def send_request() -> RequestOutcome:
        learners.append(learners.pop(0))
        started = asyncio.get_running_loop().time()
        response = await client.post("/api/v1/speech/score", files=form, headers=learners[-1])
        seconds = asyncio.get_running_loop().time() - started
        if response.status_code == 200:
            return RequestOutcome(seconds)
        assert response.status_code == 503, response.text
        retry_after = int(response.headers["Retry-After"])
        return RequestOutcome(seconds, ProviderUnavailable("refused", retry_after=retry_after))

    async with api_client(app) as client:
        await keep_busy(send_request, clients=4, requests=12)
        processes = list_processes(app)
        rounds = [await overload_after_peak(send_request) for _ in range(2)]
        assert list_processes(app) == processes
    # The better of two, because the load by other processes varies.
    peak, overload = max(rounds, key=lambda loads: loads[1].goodput / loads[0].goodput)
    late = sorted(answer.seconds for answer in overload.refused)
    record_property("goodput", (peak.goodput, overload.goodput))
    record_property("refused", (len(late), late[len(late) // 2] if late else 0))
    # 0.88 to 0.92 on an idle machine with two cores, of which clients and decoding take a part.
    assert overload.goodput >= 0.7 * peak.goodput


async def overload_after_peak(send_request: SendRequest) -> tuple[Load, Load]:
    peak = await keep_busy(send_request, clients=4, requests=24)
    return peak, await send(send_request, per_second=2 * peak.goodput, seconds=8)


async def test_concurrent_recordings_of_a_class_are_scored(
    settings: ApiSettings,
    token_for: TokenFor,
    voice: NDArray[np.float32],
    encode: Callable[..., bytes],
    record_property: Record,
) -> None:
    learners = [{"Authorization": f"Bearer {token_for(uuid4())}"} for _ in range(20)]
    five_seconds = encode(np.tile(voice, 2))
    form = {"audio": ("speech", five_seconds), "reference_text": (None, f"{TEXT} {TEXT}".encode())}

    async def send_request(learner: dict[str, str]) -> tuple[int, float]:
        started = asyncio.get_running_loop().time()
        response = await client.post("/api/v1/speech/score", files=form, headers=learner)
        return response.status_code, asyncio.get_running_loop().time() - started

    async with api_client(create_app(settings)) as client:
        alone = median([(await send_request(learner))[1] for learner in learners[:5]])
        responses = await asyncio.gather(*map(send_request, learners))
    slowest = sorted(seconds for _, seconds in responses)[-2]
    record_property("alone and in a class", (alone, slowest))
    assert [status for status, _ in responses] == [200] * len(learners)
    assert slowest < len(learners) * alone


async def test_a_learner_with_slow_recordings_delays_others_little(
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

    async def request_repeatedly() -> float:
        loop, times = asyncio.get_running_loop(), list[float]()
        for _ in range(6):
            started = loop.time()
            assert (await post(reading, TEXT, other)).status_code == 200
            times.append(loop.time() - started)
        return median(times)

    async def send_repeatedly() -> None:
        async with asyncio.timeout(30):
            while True:
                await post(long, "㎯" * 50, heavy_user)
                await asyncio.sleep(0.01)

    heavy_user, other, long = token_for(uuid4()), token_for(uuid4()), encode(np.tile(voice, 12), "ogg")
    async with api_client(create_app(settings)) as client:
        await request_repeatedly()
        alone = await request_repeatedly()
        sending = [asyncio.create_task(send_repeatedly()) for _ in range(2)]
        await asyncio.sleep(0.5)
        meanwhile = await request_repeatedly()
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
    record_property("alone and meanwhile", (alone, meanwhile))
    assert meanwhile < 5 * alone


def list_processes(app: object) -> set[int]:
    state = app.state  # type: ignore[attr-defined]
    pools = (state.decoders._workers, state.providers.providers[0]._workers)
    return {worker.process.pid for pool in pools for worker in pool._alive}
