"""Fair shares and goodput with a provider of known speed. Each time is compared with one of the same run."""

import asyncio
from statistics import median
from uuid import uuid4

import pytest
from tests.load.traffic import Load, Record, RequestOutcome, Scoring, keep_busy, send

pytestmark = pytest.mark.timed


async def request_repeatedly(scoring: Scoring, times: int) -> list[RequestOutcome]:
    learner = uuid4()
    return [await scoring.send_request(learner) for _ in range(times)]


async def test_a_learner_with_many_long_recordings_does_not_delay_others(record_property: Record) -> None:
    scoring, heavy_user = Scoring(concurrency=2, seconds_per_second=0.05), uuid4()
    alone = await request_repeatedly(scoring, 8)
    many = [asyncio.create_task(scoring.send_request(heavy_user, seconds=10)) for _ in range(28)]
    await asyncio.sleep(0.01)
    meanwhile = await request_repeatedly(scoring, 8)
    still_waiting = [task for task in many if not task.done()]
    assert all(response.is_scored for response in (*alone, *meanwhile))
    assert len(still_waiting) > 5
    ratio = median(response.seconds for response in meanwhile) / median(
        response.seconds for response in alone
    )
    record_property("ratio", ratio)
    assert ratio < 1.5
    for task in still_waiting:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_with_one_slot_others_wait_for_one_recording_at_most() -> None:
    scoring, heavy_user = Scoring(concurrency=1, seconds_per_second=0.05), uuid4()
    [long] = [await scoring.send_request(heavy_user, seconds=10)]
    alone = await request_repeatedly(scoring, 3)
    many = [asyncio.create_task(scoring.send_request(heavy_user, seconds=10)) for _ in range(28)]
    await asyncio.sleep(0.01)
    meanwhile = await request_repeatedly(scoring, 3)
    assert all(response.is_scored for response in meanwhile)
    bound = 1.5 * (long.seconds + max(response.seconds for response in alone))
    assert max(response.seconds for response in meanwhile) < bound
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_learners_get_equal_processing_time_regardless_of_their_recordings(
    record_property: Record,
) -> None:
    scoring = Scoring(concurrency=3, seconds_per_second=0.01, timeout_seconds=60)
    loop = asyncio.get_running_loop()
    ends_at, used = loop.time() + 2, [0.0, 0.0, 0.0, 0.0]

    async def practise(number: int, seconds: float) -> None:
        learner = learners[number]
        while loop.time() < ends_at:
            if (await scoring.send_request(learner, seconds=seconds)).is_scored:
                used[number] += seconds

    learners = [uuid4() for _ in used]
    await asyncio.gather(*(practise(number, 2 + 3 * number) for number in range(len(used)) for _ in range(4)))
    record_property("used", used)
    assert max(used) < 1.6 * min(used)


async def test_goodput_at_twice_the_capacity_equals_the_peak(record_property: Record) -> None:
    # The best of three counts, because the load by other processes varies.
    rounds = [await overload_after_peak() for _ in range(3)]
    scoring, peak, overload = max(rounds, key=lambda loads: loads[2].goodput / loads[1].goodput)
    record_property("goodput", (peak.goodput, overload.goodput))
    assert not peak.refused
    assert overload.goodput >= 0.85 * peak.goodput
    assert scoring.provider.peak == 8
    scored = [response.seconds for response in overload.answers if response.is_scored]
    assert max(scored) < 1.5 * scoring.timeout_seconds
    late = sorted(response.seconds for response in overload.refused)
    record_property("refused", (len(late), median(late), late[-1]))
    assert median(late) < 0.1 * scoring.timeout_seconds
    for response in overload.refused:
        assert response.refusal
        assert int(response.refusal.headers["Retry-After"]) >= 1


async def overload_after_peak() -> tuple[Scoring, Load, Load]:
    scoring = Scoring(concurrency=8, seconds_per_second=0.1, timeout_seconds=0.5)
    await keep_busy(scoring.send_request, clients=8, requests=40)
    peak = await keep_busy(scoring.send_request, clients=8, requests=120)
    return scoring, peak, await send(scoring.send_request, per_second=2 * peak.goodput, seconds=3)


async def test_fifty_concurrent_requests_take_the_time_of_their_slots(record_property: Record) -> None:
    scoring = Scoring(concurrency=20, seconds_per_second=1)
    loop, lags = asyncio.get_running_loop(), list[float]()

    async def watch() -> None:
        while True:
            now = loop.time()
            await asyncio.sleep(0.005)
            lags.append(loop.time() - now - 0.005)

    watching = asyncio.create_task(watch())
    reference = await scoring.send_request()
    lags.clear()
    started = loop.time()
    responses = await asyncio.gather(*(scoring.send_request() for _ in range(50)))
    wall = loop.time() - started
    watching.cancel()
    assert all(response.is_scored for response in responses)
    lag = sorted(lags)[int(0.99 * len(lags))]
    record_property("wall and lag", (wall, lag))
    assert wall < 1.2 * 3 * reference.seconds
    assert lag < 0.05
    assert scoring.provider.peak == 20


async def test_requests_beyond_the_queue_are_refused_immediately() -> None:
    scoring = Scoring(concurrency=4, seconds_per_second=0.5, max_waiting=8)
    responses = await asyncio.gather(*(scoring.send_request() for _ in range(50)))
    scored = [response for response in responses if response.is_scored]
    refused = [response for response in responses if not response.is_scored]
    assert (len(scored), len(refused)) == (12, 38)
    assert max(response.seconds for response in refused) < 0.3 * min(response.seconds for response in scored)
