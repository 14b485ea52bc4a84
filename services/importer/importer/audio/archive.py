"""Unpacks ZIP archives as they arrive, without temporary files, one piece at a time."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from sqlalchemy.util import await_only, greenlet_spawn
from stream_unzip import (
    MissingPasswordError,
    NotStreamUnzippable,
    TruncatedDataError,
    UnsupportedFeatureError,
    UnzipError,
    stream_unzip,
)

MAX_ENTRIES = 10_000
MAX_RATIO = 100
"""Maximum ratio of unpacked to received bytes. Recordings hardly compress; a higher ratio is a ZIP bomb."""
RATIO_EXEMPT_BYTES = 16 * 1024 * 1024
"""The ratio applies only beyond this size, because a small archive of silence has a high ratio."""
MAX_UNPACKED_BYTES = 16 * 1024**3

SYSTEM_FOLDERS = {"__MACOSX"}
SYSTEM_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}


class UnreadableArchive(Exception):
    """The archive cannot be read further. The message is for the client."""


class Entry(NamedTuple):
    name: str
    chunks: AsyncIterator[bytes]


class Archive:
    # The library reads from a synchronous iterator, so it runs in a greenlet, which can await. A thread
    # instead would be occupied by each slow client.
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._received, self._unpacked = 0, 0

    async def iterate_entries(self) -> AsyncIterator[Entry]:
        """Yield the files, without folders and system files. Raises UnreadableArchive. Unread content of an
        entry is skipped.
        """
        members, count = stream_unzip(self._read_chunks()), 0
        while (member := await self._read_next(members)) is not None:
            count += 1
            if count > MAX_ENTRIES:
                raise UnreadableArchive(f"The archive has more than {MAX_ENTRIES} entries.")
            name, content = _decode(member[0]), member[2]
            if not _is_system_file(name):
                yield Entry(name, self._read(content))
            async for _ in self._read(content):
                pass

    async def _read(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (chunk := await self._read_next(content)) is not None:
            self._unpacked += len(chunk)
            if self._unpacked > min(RATIO_EXEMPT_BYTES + MAX_RATIO * self._received, MAX_UNPACKED_BYTES):
                raise UnreadableArchive("The archive's uncompressed size is too large.")
            if chunk:
                yield chunk
            # A received chunk may unpack to a hundred chunks of this size.
            await asyncio.sleep(0)

    def _read_chunks(self) -> Iterator[bytes]:
        while chunk := await_only(anext(self._chunks, b"")):
            self._received += len(chunk)
            yield chunk

    async def _read_next(self, items: Iterator[Any]) -> Any:
        try:
            return await greenlet_spawn(next, items, None)
        except (UnzipError, struct.error) as error:
            raise UnreadableArchive(_describe(error)) from error


def _decode(name: bytes) -> str:
    """Read the name as UTF-8, which macOS uses without the flag, or in the standard's code page."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp437")


def _is_system_file(name: str) -> bool:
    *folders, base = name.replace("\\", "/").split("/")
    return not base or base in SYSTEM_FILES or base.startswith("._") or bool(SYSTEM_FOLDERS & set(folders))


def _describe(error: Exception) -> str:
    if isinstance(error, MissingPasswordError):
        return "An archive entry is encrypted."
    if isinstance(error, NotStreamUnzippable):
        return "An archive entry is stored without its size; create the archive with compression."
    if isinstance(error, UnsupportedFeatureError):
        return "An archive entry uses an unsupported compression method; use Deflate."
    if isinstance(error, TruncatedDataError):
        return "The archive is incomplete."
    return "The archive is damaged."
