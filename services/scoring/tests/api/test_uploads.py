"""Uploads that are slow, many or large: in bounded time and memory."""

import asyncio
from uuid import uuid4

import pytest
from scoring.admission import LearnerShares, UploadMemory
from scoring.api.multipart import MAX_FORM_BYTES, read_form
from scoring.errors import TooManyRecordings, UploadsFull
from shared.http.multipart import FormTooSlow, Pace
from starlette.requests import Request
from starlette.types import Message

HEAD = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
FAST = Pace(min_bytes_per_second=100_000, max_gap_seconds=0.1, max_seconds=0.6)


def drip(chunk: bytes, *, every_seconds: float, length: int | None = None) -> Request:
    """Create a request with an endless body."""
    sent = 0

    async def receive() -> Message:
        nonlocal sent
        sent += 1
        if sent > 1:
            await asyncio.sleep(every_seconds)
        return {"type": "http.request", "body": HEAD if sent == 1 else chunk, "more_body": True}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def measure_refusal(request: Request, upload_memory: UploadMemory, error: type[Exception]) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(error):
        async with read_form(request, uuid4(), LearnerShares(2), upload_memory):
            pass
    return loop.time() - started


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.api.multipart.PACE", FAST)


@pytest.mark.timed
@pytest.mark.parametrize("chunk", [b"1", b"1" * 500])
async def test_a_body_that_is_too_slow_is_ended_and_frees_its_room(chunk: bytes) -> None:
    upload_memory = UploadMemory(MAX_FORM_BYTES)
    # Ten times less than the lowest rate.
    seconds = await measure_refusal(drip(chunk, every_seconds=0.05), upload_memory, FormTooSlow)
    assert seconds < 0.5
    with upload_memory.reserve(MAX_FORM_BYTES):
        pass


async def test_a_burst_does_not_allow_a_long_pause() -> None:
    request = drip(b"1" * 1_000_000, every_seconds=0.3)
    assert await measure_refusal(request, UploadMemory(MAX_FORM_BYTES), FormTooSlow) < 0.25


async def test_an_endless_body_is_ended_even_if_it_is_fast() -> None:
    request = drip(b"1" * 2_000, every_seconds=0.01)
    assert 0.4 < await measure_refusal(request, UploadMemory(MAX_FORM_BYTES), FormTooSlow) < 1.5


async def test_an_upload_of_known_size_reserves_its_memory_at_the_start() -> None:
    request = drip(b"1", every_seconds=0.01, length=MAX_FORM_BYTES)
    await measure_refusal(request, UploadMemory(MAX_FORM_BYTES - 1), UploadsFull)


async def test_an_upload_of_unknown_size_reserves_room_as_it_grows() -> None:
    upload_memory = UploadMemory(MAX_FORM_BYTES // 2)
    request = drip(bytes(300_000), every_seconds=0.01)
    await measure_refusal(request, upload_memory, UploadsFull)
    with upload_memory.reserve(MAX_FORM_BYTES // 2):
        pass


async def test_a_large_upload_that_cannot_end_in_time_is_ended_early() -> None:
    # Twice the lowest rate, but it would take ten times as long as it may.
    length = 1_200_000
    request = drip(bytes(2_000), every_seconds=0.01, length=length)
    assert await measure_refusal(request, UploadMemory(MAX_FORM_BYTES), FormTooSlow) < 0.3


async def test_a_large_upload_of_unknown_size_must_sustain_its_rate() -> None:
    sent = iter([HEAD, bytes(3_000_000)])

    async def receive() -> Message:
        if (chunk := next(sent, None)) is None:
            await asyncio.sleep(0.01)
        return {"type": "http.request", "body": chunk or bytes(2_000), "more_body": True}

    request = Request(drip(b"", every_seconds=0).scope, receive)
    assert await measure_refusal(request, UploadMemory(MAX_FORM_BYTES), FormTooSlow) < 0.3


async def test_the_room_is_free_as_soon_as_the_recording_is_overwritten() -> None:
    body = HEAD + bytes(5_000_000) + b"\r\n--x--\r\n"

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(drip(b"", every_seconds=0, length=len(body)).scope, receive)
    upload_memory, shares, learner = UploadMemory(6_000_000), LearnerShares(1), uuid4()
    async with read_form(request, learner, shares, upload_memory) as parts:
        with pytest.raises(UploadsFull), upload_memory.reserve(1_000_000):
            pass
        with parts.audio:
            assert len(parts.audio) == 5_000_000
        with upload_memory.reserve(6_000_000), pytest.raises(TooManyRecordings), shares.hold(learner):
            pass


async def test_the_share_of_a_learner_includes_uploads() -> None:
    shares, learner, upload_memory = LearnerShares(2), uuid4(), UploadMemory(1 << 27)

    async def upload() -> type[BaseException]:
        with pytest.raises((FormTooSlow, TooManyRecordings)) as excinfo:
            async with read_form(drip(b"1", every_seconds=0.05), learner, shares, upload_memory):
                pass
        return excinfo.type

    ends = await asyncio.gather(*(upload() for _ in range(28)))
    assert (ends.count(FormTooSlow), ends.count(TooManyRecordings)) == (2, 26)
    with upload_memory.reserve(1 << 27):
        pass
