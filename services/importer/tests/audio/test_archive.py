"""ZIP archives made by editors and by attackers."""

import asyncio
import io
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importer.audio import archive
from importer.audio.archive import Archive, UnreadableArchive

FILES = {"a.mp3": b"one" * 1000, "folder/b.mp3": b"two", "empty.wav": b""}


def pack(files: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


async def split(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def unpack(content: bytes, size: int = 1000) -> dict[str, bytes]:
    entries = {}
    async for entry in Archive(split(content, size)).iterate_entries():
        entries[entry.name] = b"".join([chunk async for chunk in entry.chunks])
    return entries


async def unpack_until_error(content: bytes) -> tuple[list[str], str]:
    names, reason = list[str](), ""
    try:
        async for entry in Archive(split(content)).iterate_entries():
            async for _ in entry.chunks:
                pass
            names.append(entry.name)
    except UnreadableArchive as error:
        reason = str(error)
    return names, reason


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("size", [1, 7, 1000, 1_000_000])
async def test_files_are_unpacked_for_any_compression_and_chunk_size(compression: int, size: int) -> None:
    assert await unpack(pack(FILES, compression=compression), size) == FILES


async def test_an_archive_that_was_streamed_is_unpacked() -> None:
    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in FILES.items():
            target.writestr(name, content)
    assert await unpack(buffer.getvalue()) == FILES


async def test_an_empty_archive_has_no_files() -> None:
    assert await unpack(pack({})) == {}


async def test_entries_that_are_not_read_are_skipped() -> None:
    content = pack({"a": bytes(500_000), "b": bytes(500_000)}, compression=zipfile.ZIP_STORED)
    names = []
    async for entry in Archive(split(content)).iterate_entries():
        names.append(entry.name)
        async for _ in entry.chunks:
            break
    assert names == ["a", "b"]


async def test_folders_and_system_files_are_skipped() -> None:
    files = [
        "folder/",
        "__MACOSX/._a.mp3",
        "x/__MACOSX/a.mp3",
        ".DS_Store",
        "x/._b.mp3",
        "Thumbs.db",
        "a.mp3",
    ]
    assert list(await unpack(pack(dict.fromkeys(files, b"")))) == ["a.mp3"]


async def test_names_are_returned_unchanged() -> None:
    names = ["../../etc/passwd", "/etc/passwd", "C:\\a.mp3", "..", "a.mp3", "A.mp3"]
    assert list(await unpack(pack(dict.fromkeys(names, b"x")))) == names


async def test_names_are_read_with_and_without_the_utf8_flag() -> None:
    content = pack({"é.mp3": b"x"})
    assert list(await unpack(content)) == ["é.mp3"]
    unsigned = bytearray(content)
    unsigned[7] &= ~0x08  # the flag of UTF-8
    assert list(await unpack(bytes(unsigned))) == ["é.mp3"]
    old = pack({"e.mp3": b"x"}).replace(b"e.mp3", "é.mp3".encode("cp437"))
    assert list(await unpack(old)) == ["é.mp3"]


async def test_a_symbolic_link_is_a_file_that_contains_its_path() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        link = zipfile.ZipInfo("link.mp3")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        target.writestr(link, "/etc/passwd")
    assert await unpack(buffer.getvalue()) == {"link.mp3": b"/etc/passwd"}


async def test_an_archive_within_an_archive_is_a_file() -> None:
    inner = pack(FILES)
    assert await unpack(pack({"inner.zip": inner})) == {"inner.zip": inner}


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
async def test_complete_entries_of_a_broken_archive_are_read(keep: float) -> None:
    files = {f"{number}.mp3": bytes([number]) * 1000 for number in range(10)}
    content = pack(files, compression=zipfile.ZIP_STORED)
    names, reason = await unpack_until_error(content[: int(10_350 * keep)])
    assert names == list(files)[: len(names)]
    assert len(names) == int(10 * keep)
    assert reason == "The archive is incomplete."


async def test_damaged_content_is_detected() -> None:
    content = bytearray(pack({"a": b"x" * 1000, "b": b"y" * 1000}, compression=zipfile.ZIP_STORED))
    content[100] ^= 1
    assert await unpack_until_error(bytes(content)) == ([], "The archive is damaged.")


async def test_encrypted_entries_are_refused() -> None:
    content = bytearray(pack({"a": b"x"}))
    content[6] |= 1
    assert await unpack_until_error(bytes(content)) == ([], "An archive entry is encrypted.")


async def test_entries_without_a_size_are_refused() -> None:
    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        target.writestr("a", "x")
    content = buffer.getvalue()
    names, reason = await unpack_until_error(content)
    assert (names, "without its size" in reason) == ([], True)


async def test_lzma_is_refused() -> None:
    names, reason = await unpack_until_error(pack({"a": b"x"}, compression=zipfile.ZIP_LZMA))
    assert (names, "unsupported" in reason) == ([], True)


async def test_an_archive_bomb_is_not_unpacked() -> None:
    content = pack({"bomb": bytes(200_000_000)})
    assert len(content) < 250_000
    received = 0
    entry = await anext(Archive(split(content)).iterate_entries())
    try:
        async for chunk in entry.chunks:
            received += len(chunk)
    except UnreadableArchive as error:
        assert "too large" in str(error)  # noqa: PT017 - the bytes before the error are counted
    assert 0 < received < archive.RATIO_EXEMPT_BYTES + archive.MAX_RATIO * len(content)


async def test_an_archive_bomb_in_a_skipped_entry_is_not_unpacked() -> None:
    with pytest.raises(UnreadableArchive, match="too large"):
        async for _ in Archive(split(pack({"bomb": bytes(200_000_000)}))).iterate_entries():
            pass


async def test_the_ratios_of_many_small_entries_are_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RATIO_EXEMPT_BYTES", 1_000_000)
    content = pack({f"{number}": bytes(1_000_000) for number in range(50)})
    _, reason = await unpack_until_error(content)
    assert "too large" in reason


async def test_the_number_of_entries_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 10)
    names, reason = await unpack_until_error(pack({f"{number}/": b"" for number in range(11)}))
    assert (names, "more than 10 entries" in reason) == ([], True)


async def test_unpacking_does_not_block_the_event_loop() -> None:
    longest, stop = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not stop:
            # CPU time of the event loop's thread, so that other processes do not count.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    content = pack({f"{number}": bytes(5_000_000) for number in range(10)})
    with suppress(UnreadableArchive):
        await unpack(content, 65_536)
    stop = True
    await watching
    assert longest < 0.1


async def test_errors_of_the_source_and_cancellations_are_propagated() -> None:
    async def read(source: AsyncIterator[bytes]) -> None:
        async for entry in Archive(source).iterate_entries():
            async for _ in entry.chunks:
                pass

    async def stream_and_fail() -> AsyncIterator[bytes]:
        yield pack({"a": b"x" * 1000}, compression=zipfile.ZIP_STORED)[:500]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await read(stream_and_fail())

    async def stream_and_stall() -> AsyncIterator[bytes]:
        yield pack({"a": b"x" * 1000}, compression=zipfile.ZIP_STORED)[:500]
        await asyncio.sleep(3600)

    task = asyncio.create_task(read(stream_and_stall()))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


BYTES = pack(FILES)
CHANGES = st.lists(st.tuples(st.integers(0, len(BYTES) - 1), st.integers(0, 255)), max_size=6)


@given(CHANGES, st.integers(0, len(BYTES)))
@settings(deadline=None, max_examples=300)
def test_a_changed_archive_is_read_or_refused(changes: list[tuple[int, int]], end: int) -> None:
    content = bytearray(BYTES)
    for position, value in changes:
        content[position] = value
    with suppress(UnreadableArchive):
        asyncio.run(unpack(bytes(content[:end])))


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=200)
def test_random_bytes_after_a_header_are_read_or_refused(rest: bytes) -> None:
    header = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(b""), 0, 0, 1, 0) + b"a"
    with suppress(UnreadableArchive):
        asyncio.run(unpack(header + rest))
