import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring.admission import LearnerShares, UploadMemory
from scoring.api.multipart import read_form
from scoring.errors import AudioTooLarge
from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.errors import MalformedForm
from starlette.requests import Request
from starlette.types import Message

BOUNDARY = "----parley"


def make_part(name: str, value: bytes, *, file: bool = False) -> bytes:
    filename = '; filename="a.wav"\r\nContent-Type: audio/wav' if file else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FORM = (
    make_part("audio", b"\x00\x01RIFF\r\n--x", file=True) + make_part("reference_text", "Café".encode()) + END
)


def create_request(
    chunks: Sequence[bytes], *, kind: str = f"multipart/form-data; boundary={BOUNDARY}", length: str = ""
) -> Request:
    """Create a request whose body arrives in these chunks."""
    waiting = list(chunks)

    async def receive() -> Message:
        if not waiting:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    headers = [(b"content-type", kind.encode())] + [(b"content-length", length.encode())] * bool(length)
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def read_parts(request: Request) -> tuple[bytes | None, dict[str, str]]:
    async with read_form(request, uuid4(), LearnerShares(2), UploadMemory(1 << 25)) as parts:
        audio = parts.audio
        return None if audio is None else bytes(audio.view()), parts.fields


async def read(*chunks: bytes, **about: str) -> tuple[bytes | None, dict[str, str]]:
    return await read_parts(create_request(chunks, **about))


async def test_the_parts_of_a_form_are_read() -> None:
    assert await read(FORM) == (b"\x00\x01RIFF\r\n--x", {"reference_text": "Café"})


@pytest.mark.parametrize("size", [1, 2, 7, 50])
async def test_a_form_is_read_in_chunks_of_any_size(size: int) -> None:
    chunks = [FORM[start : start + size] for start in range(0, len(FORM), size)]
    assert await read(*chunks) == await read(FORM)


async def test_a_large_recording_is_read_unchanged() -> None:
    audio = bytes(range(256)) * 20_000
    body = make_part("audio", audio) + END
    assert (await read(*(body[start : start + 65_536] for start in range(0, len(body), 65_536))))[0] == audio


async def test_a_recording_of_the_maximum_size_is_accepted_and_a_larger_one_is_not() -> None:
    assert len((await read(make_part("audio", bytes(MAX_AUDIO_BYTES)) + END))[0] or b"") == MAX_AUDIO_BYTES
    with pytest.raises(AudioTooLarge):
        await read(make_part("audio", bytes(MAX_AUDIO_BYTES + 1)) + END)


async def test_a_refused_form_is_read_to_its_end(client: httpx.AsyncClient) -> None:
    """Many clients read the response only after sending the whole request."""
    sent = 0

    async def upload() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(25):
            sent += 1_000_000
            yield bytes(1_000_000)

    kinds = {"audio_too_large": f"multipart/form-data; boundary={BOUNDARY}", "malformed_form": "audio/wav"}
    for code, kind in kinds.items():
        sent = 0
        headers = {"Content-Type": kind, "Content-Length": "25000000"}
        response = await client.post("/api/v1/speech/score", content=upload(), headers=headers)
        assert (response.json()["code"], sent) == (code, 25_000_000)


async def test_reading_of_an_endless_body_stops() -> None:
    head, sent = make_part("audio", b"")[:-2], 0

    async def receive() -> Message:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": bytes(1_000_000) if sent > 1 else head, "more_body": True}

    with pytest.raises(AudioTooLarge):
        await read_parts(Request(create_request([]).scope, receive))
    assert 11 < sent < 60


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (FORM, {"kind": "application/json"}),
        (FORM, {"kind": "multipart/form-data"}),
        (FORM, {"kind": f"multipart/form-data; boundary={'x' * 300}"}),
        (b"", {}),
        (b"not a form", {}),
        (FORM[:-10], {}),
        (make_part("audio", b"1") + make_part("audio", b"2") + END, {}),
        (make_part("language", b"1") + make_part("language", b"2") + END, {}),
        (make_part("reference_text", b"\xff\xfe") + END, {}),
        (make_part("reference_text", bytes(70_000)) + END, {}),
        (make_part("x" * 5_000, b"") + END, {}),
        (make_part("file", b"\xff\xfe") + END, {}),
        (b"".join(make_part(f"f{n}", b"") for n in range(5_000)) + END, {}),
    ],
)
async def test_invalid_forms_are_refused(body: bytes, about: dict[str, str]) -> None:
    with pytest.raises(MalformedForm):
        await read(body, **about)


async def test_a_file_under_another_name_is_skipped() -> None:
    other = make_part("file", bytes(range(256)) * 4_000, file=True)
    async with read_form(
        create_request([other + FORM]), uuid4(), LearnerShares(2), UploadMemory(1 << 25)
    ) as parts:
        assert parts.unknown_files == ["file"]
        assert parts.fields == {"file": "", "reference_text": "Café"}
        assert len(parts.audio) > 0


async def test_the_text_may_be_sent_as_a_file() -> None:
    body = (
        make_part("audio", b"voice", file=True)
        + make_part("reference_text", "Café".encode(), file=True)
        + END
    )
    assert await read(body) == (b"voice", {"reference_text": "Café"})


async def test_a_skipped_file_has_the_size_limit_of_a_recording() -> None:
    await read(make_part("file", bytes(MAX_AUDIO_BYTES), file=True) + END)
    with pytest.raises(AudioTooLarge):
        await read(make_part("file", bytes(MAX_AUDIO_BYTES + 1), file=True) + END)


async def test_an_interrupted_upload_is_refused() -> None:
    with pytest.raises(MalformedForm):
        await read_parts(create_request([]))


@given(
    st.lists(
        st.sampled_from([FORM, END, make_part("audio", b"x"), b"\r\n", b"--"]) | st.binary(max_size=80),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=200)
def test_malformed_forms_are_read_or_refused(chunks: list[bytes]) -> None:
    with suppress(MalformedForm):
        asyncio.run(read(*chunks))


async def test_the_recording_is_overwritten_after_an_error_in_the_block() -> None:
    views: list[memoryview] = []

    async def read_and_fail() -> None:
        form = create_request([make_part("audio", b"voice" * 100_000) + END])
        async with read_form(form, uuid4(), LearnerShares(2), UploadMemory(1 << 25)) as parts:
            views.append(parts.audio.view())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await read_and_fail()
    assert len(views[0]) == 500_000
    assert not any(views[0])
