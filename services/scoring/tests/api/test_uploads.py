"""Uploads that are slow, many or large: in bounded time and memory."""

import asyncio
from uuid import uuid4

import pytest
from scoring.admission import LearnerShares, UploadRoom
from scoring.api.multipart import MAX_FORM_BYTES, read_form
from scoring.errors import TooManyRecordings, UploadsFull
from shared.http.multipart import FormTooSlow, Pace
from starlette.requests import Request
from starlette.types import Message

HEAD = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
FAST = Pace(min_bytes_per_second=100_000, patience_seconds=0.1, max_seconds=0.6)


def dripping(chunk: bytes, *, every_seconds: float) -> Request:
    """A request whose body goes on for ever."""
    sent = 0

    async def receive() -> Message:
        nonlocal sent
        sent += 1
        if sent > 1:
            await asyncio.sleep(every_seconds)
        return {"type": "http.request", "body": HEAD if sent == 1 else chunk, "more_body": True}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def seconds_until_refused(request: Request, room: UploadRoom, error: type[Exception]) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(error):
        async with read_form(request, uuid4(), LearnerShares(2), room):
            pass
    return loop.time() - started


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.api.multipart.PACE", FAST)


@pytest.mark.parametrize("chunk", [b"1", b"1" * 500])
async def test_a_body_that_drips_is_ended_and_frees_its_room(chunk: bytes) -> None:
    room = UploadRoom(MAX_FORM_BYTES)
    # Ten times less than the lowest rate.
    seconds = await seconds_until_refused(dripping(chunk, every_seconds=0.05), room, FormTooSlow)
    assert seconds < 0.5
    with room.reserve(MAX_FORM_BYTES):
        pass


async def test_a_burst_buys_no_long_pause() -> None:
    request = dripping(b"1" * 1_000_000, every_seconds=0.3)
    assert await seconds_until_refused(request, UploadRoom(MAX_FORM_BYTES), FormTooSlow) < 0.25


async def test_a_body_that_is_fast_enough_for_ever_is_ended_too() -> None:
    request = dripping(b"1" * 2_000, every_seconds=0.01)
    assert 0.4 < await seconds_until_refused(request, UploadRoom(MAX_FORM_BYTES), FormTooSlow) < 1.5


async def test_an_upload_of_unknown_size_needs_room_for_the_largest() -> None:
    request = dripping(b"1", every_seconds=0.01)
    await seconds_until_refused(request, UploadRoom(MAX_FORM_BYTES - 1), UploadsFull)


async def test_the_share_of_a_learner_includes_uploads() -> None:
    shares, learner, room = LearnerShares(2), uuid4(), UploadRoom(1 << 27)

    async def upload() -> type[BaseException]:
        with pytest.raises((FormTooSlow, TooManyRecordings)) as caught:
            async with read_form(dripping(b"1", every_seconds=0.05), learner, shares, room):
                pass
        return caught.type

    ends = await asyncio.gather(*(upload() for _ in range(28)))
    assert (ends.count(FormTooSlow), ends.count(TooManyRecordings)) == (2, 26)
    with room.reserve(1 << 27):
        pass
