"""Forms that are read part by part."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.errors import MalformedForm
from shared.http.multipart import FormTooSlow, StreamedForm
from starlette.requests import Request
from starlette.types import Message

BOUNDARY = "----parley"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()

type Parts = list[tuple[str, str | None, bytes]]


def build_part(name: str, value: bytes, filename: bytes | None = None) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
    file = b"" if filename is None else b'; filename="' + filename + b'"\r\nContent-Type: audio/wav'
    return head + file + b"\r\n\r\n" + value + b"\r\n"


FORM = (
    build_part("files[]", b"\x00\x01RIFF\r\n--x", b"a.wav")
    + build_part("session", b"1")
    + build_part("files[]", b"", b"b")
    + END
)
PARTS: Parts = [("files[]", "a.wav", b"\x00\x01RIFF\r\n--x"), ("session", None, b"1"), ("files[]", "b", b"")]


def build_request(chunks: Sequence[bytes], *, kind: str = KIND, stalls: bool = False) -> Request:
    """A request whose body arrives in these chunks; then the client goes away, or stalls."""
    waiting = list(chunks)

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or stalls}
        if stalls:
            await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    headers = [(b"content-type", kind.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def read_all(form: StreamedForm) -> None:
    async for part in form.iterate_parts():
        async for _ in part.iterate_chunks():
            pass


async def read(*chunks: bytes, **options: Any) -> Parts:
    parts: Parts = []
    async for part in StreamedForm(build_request(chunks), **options).iterate_parts():
        content = b"".join([bytes(chunk) async for chunk in part.iterate_chunks()])
        parts.append((part.name, part.filename, content))
    return parts


async def read_until_error(*chunks: bytes) -> Parts:
    parts: Parts = []
    with suppress(MalformedForm):
        async for part in StreamedForm(build_request(chunks)).iterate_parts():
            content = b"".join([bytes(chunk) async for chunk in part.iterate_chunks()])
            parts.append((part.name, part.filename, content))
    return parts


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
async def test_parts_are_read_however_the_body_is_split(size: int) -> None:
    chunks = [FORM[start : start + size] for start in range(0, len(FORM), size)]
    assert await read(*chunks) == PARTS


@pytest.mark.parametrize("body", [FORM[:-10], FORM.replace(END, b"--x\r\nno header\r\n"), b"no form"])
async def test_a_refused_form_is_freed_immediately(body: bytes) -> None:
    """In a reference cycle, it would keep the last piece of the body until the next garbage collection."""
    form = StreamedForm(build_request([body]))
    freed = weakref.ref(form)
    gc.disable()
    try:
        with pytest.raises(MalformedForm):
            await read_all(form)
        del form
        # The event loop closes unfinished generators.
        await asyncio.sleep(0.01)
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
async def test_the_problem_of_a_form_without_a_boundary_says_how_to_send_one(kind: str) -> None:
    with pytest.raises(MalformedForm, match="multipart/form-data with a boundary"):
        await read_all(StreamedForm(build_request([FORM], kind=kind)))


async def test_parts_that_are_not_read_are_skipped() -> None:
    body = build_part("a", bytes(200_000)) + build_part("b", bytes(200_000)) + END
    chunks = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    names = []
    async for part in StreamedForm(build_request(chunks)).iterate_parts():
        names.append(part.name)
        async for _ in part.iterate_chunks():
            break
    assert names == ["a", "b"]


async def test_only_one_chunk_of_the_body_is_read_at_a_time() -> None:
    reads = 0

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        body = build_part("file", b"") if reads == 1 else bytes(1000)
        return {"type": "http.request", "body": body[:-2] if reads == 1 else body, "more_body": True}

    async for part in StreamedForm(Request(build_request([]).scope, receive)).iterate_parts():
        chunks = part.iterate_chunks()
        for expected in range(2, 10):
            await anext(chunks)
            assert reads == expected
        break


@pytest.mark.parametrize("preamble", [b"\r\n", b"This is a multi-part message.\r\n", b"a\r\n--b\r\n" * 400])
@pytest.mark.parametrize("size", [7, 10_000])
async def test_a_preamble_is_ignored(preamble: bytes, size: int) -> None:
    body = preamble + FORM
    assert await read(*(body[start : start + size] for start in range(0, len(body), size))) == PARTS


async def test_a_preamble_has_a_size_limit() -> None:
    pieces = 0

    async def receive() -> Message:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": b"preamble" * 100, "more_body": True}

    with pytest.raises(MalformedForm):
        await read_all(StreamedForm(Request(build_request([]).scope, receive)))
    assert pieces < 10


@pytest.mark.parametrize("epilogue", [b"", b"\r\n", b"garbage", FORM])
async def test_an_epilogue_is_ignored(epilogue: bytes) -> None:
    assert await read(FORM + epilogue) == PARTS
    assert await read(FORM, epilogue) == PARTS


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("café.mp3".encode(), "café.mp3"),
        ("café.mp3".encode("cp1252"), "café.mp3"),
        (b"a;b.mp3", "a;b.mp3"),
        (b"../a.mp3", "../a.mp3"),
        (b"C:\\temp\\a.mp3", "a.mp3"),
        (b'a\\"b.mp3', 'a"b.mp3'),
        (b"", ""),
        ("‮3pm.exe".encode(), "‮3pm.exe"),
    ],
)
async def test_a_file_name_is_returned_as_the_client_sent_it(filename: bytes, expected: str) -> None:
    assert await read(build_part("f", b"", filename) + END) == [("f", expected, b"")]


async def test_long_file_names_are_refused() -> None:
    body = build_part("f", b"x", b"a" * 10_000) + END
    with pytest.raises(MalformedForm):
        await read(body)
    assert len((await read(body, max_header_bytes=32_768))[0][1] or "") == 10_000


@pytest.mark.parametrize("broken", [b"", b"\r\n", b"--", b"x", f"--{BOUNDARY}x\r\n".encode()])
async def test_complete_parts_of_a_broken_form_are_returned(broken: bytes) -> None:
    body = FORM.removesuffix(END) + f"--{BOUNDARY}\r\n".encode() + b"no header" + broken
    assert (await read_until_error(body))[:3] == PARTS
    assert (await read_until_error(body[:200], body[200:]))[:3] == PARTS


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", f"{KIND}{'x' * 300}"])
async def test_other_bodies_are_refused(kind: str) -> None:
    with pytest.raises(MalformedForm):
        await anext(StreamedForm(build_request([FORM] * 3, kind=kind)).iterate_parts())


@pytest.mark.parametrize("body", [b"", b"not a form", FORM[:-10], FORM.replace(b"parley", b"other")])
async def test_incomplete_forms_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedForm):
        await read(body)


async def test_a_client_that_disconnects_is_a_malformed_form() -> None:
    with pytest.raises(MalformedForm):
        await read()


async def test_the_number_of_parts_is_bounded() -> None:
    with pytest.raises(MalformedForm):
        await read(*[build_part("f", b"")] * 11, END, max_parts=10)
    assert len(await read(*[build_part("f", b"")] * 10, END, max_parts=10)) == 10


async def test_a_stalled_upload_times_out() -> None:
    for chunks in ([], [FORM[:20]], [FORM[:150]]):
        form = StreamedForm(build_request(chunks, stalls=True), max_idle_seconds=0.05)
        with pytest.raises(FormTooSlow):
            async for _ in form.iterate_parts():
                pass


async def test_the_text_of_a_field_has_a_limit_and_must_be_utf8() -> None:
    async for part in StreamedForm(build_request([build_part("a", "é".encode()) + END])).iterate_parts():
        assert await part.read_text(max_bytes=2) == "é"
    for value in (b"123", b"\xff"):
        part = await anext(StreamedForm(build_request([build_part("a", value) + END])).iterate_parts())
        with pytest.raises(MalformedForm):
            await part.read_text(max_bytes=2)


PIECES = st.sampled_from([FORM, END, build_part("f", b"x", b"n"), b"\r\n", b"--"]) | st.binary(max_size=80)


@given(st.lists(PIECES, max_size=6))
@settings(deadline=None, max_examples=200)
def test_random_bytes_are_read_or_refused(chunks: list[bytes]) -> None:
    with suppress(MalformedForm):
        asyncio.run(read(*chunks))
