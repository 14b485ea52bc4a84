import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from uuid import uuid4

import pytest
from content.batches import BatchRow, UnusableBatch, read_batch
from content.batches import reader as module
from contracts.importer import ValidatedBatch
from pydantic import ValidationError
from shared.data.storage import ObjectNotFound, Storage

type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]

LINE = (
    b'{"text": "Hi.", "level": "A1", "type": "answer", "tags": [], "audio_key": "speeches/1.mp3",'
    b' "duration_ms": 900}'
)


class Stored:
    """A storage with one object, read in pieces."""

    def __init__(self, content: bytes, *, size: int) -> None:
        self._content, self._size = content, size

    async def read_stream(self, key: str) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), self._size):
            yield self._content[start : start + self._size]


async def read(content: bytes, *, size: int = 1 << 20, rows: int | None = None) -> list[BatchRow]:
    batch = ValidatedBatch(
        import_id=uuid4(),
        owner_id=uuid4(),
        batch_key="k",
        batch_sha256=hashlib.sha256(content).hexdigest(),
        rows=content.count(LINE[:8]) if rows is None else rows,
    )
    storage = cast(Storage, Stored(content, size=size))
    return [row async for chunk in read_batch(storage, batch) for row in chunk]


@pytest.mark.parametrize("size", [1, 7, len(LINE), len(LINE) + 1, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
async def test_lines_are_read_from_chunks_of_any_size(size: int, end: bytes) -> None:
    assert len(await read(b"\n".join([LINE] * 3) + end, size=size)) == 3


async def test_rows_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    assert len(await read(LINE + b"\n" + LINE + b"\n" + LINE + b"\n")) == 3


async def test_an_empty_batch_has_no_rows() -> None:
    assert await read(b"") == []


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        (LINE + b"\n\n", "batch_unreadable", "Line 2 "),
        (LINE + b"\n{}\n", "batch_unreadable", "Line 2 "),
        (b"\xff\xfe\n", "batch_unreadable", "Line 1 "),
        (LINE + b"\n" + b"x" * 300_000, "batch_unreadable", "Line 2 "),
    ],
)
async def test_the_error_for_an_invalid_line_has_its_number(content: bytes, code: str, detail: str) -> None:
    with pytest.raises(UnusableBatch, match=detail) as refused:
        await read(content)
    assert refused.value.code == code


async def test_a_batch_with_missing_rows_is_refused() -> None:
    with pytest.raises(UnusableBatch, match="1 rows instead of 2") as refused:
        await read(LINE + b"\n", rows=2)
    assert refused.value.code == "batch_incomplete"


class Replaced(Stored):
    async def read_stream(self, key: str) -> AsyncIterator[bytes]:
        yield self._content
        raise ObjectNotFound(key)


async def test_an_object_deleted_while_it_is_read_counts_as_missing() -> None:
    storage = cast(Storage, Replaced(LINE + b"\n", size=1))
    batch = ValidatedBatch(import_id=uuid4(), owner_id=uuid4(), batch_key="k", batch_sha256="", rows=1)
    with pytest.raises(UnusableBatch) as refused:
        [rows async for rows in read_batch(storage, batch)]
    assert refused.value.code == "batch_missing"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": ""},
        {"text": "a\0b"},
        {"text": "x" * 5001},
        {"level": "A0"},
        {"type": "song"},
        {"tags": [""]},
        {"tags": [" food"]},
        {"tags": ["food "]},
        {"tags": ["x" * 101]},
        {"tags": ["a\0b"]},
        {"tags": [f"tag {number}" for number in range(51)]},
        {"audio_key": "seed/1.mp3"},
        {"audio_key": "speeches/../1.mp3"},
        {"audio_key": "speeches/" + "x" * 1100},
        {"duration_ms": 0},
        {"duration_ms": 2**31},
    ],
)
def test_a_row_that_violates_a_table_constraint_is_invalid(wrong: dict[str, Any], new_row: NewRow) -> None:
    assert BatchRow.model_validate(new_row(tags=["a", "a b"], text="\u00e9" * 5000))
    with pytest.raises(ValidationError):
        BatchRow.model_validate(new_row(**wrong))
