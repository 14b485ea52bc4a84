"""Reads a batch as a stream, and checks that it is the one that was announced."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import batched

from contracts.importer import ValidatedBatch
from pydantic import ValidationError
from shared.data.storage import ObjectNotFound, Storage

from content.batches.rows import BatchRow

CHUNK_SIZE = 250
"""Rows read at a time. Parsing them blocks the process for a few milliseconds."""
MAX_LINE_BYTES = 256 * 1024


class UnusableBatch(Exception):
    """The batch can never be applied. `detail` is a sentence for the editor."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


async def read_batch(storage: Storage, batch: ValidatedBatch) -> AsyncIterator[list[BatchRow]]:
    """Yield the rows in chunks. Raises UnusableBatch, perhaps only at the end, and StorageUnavailable."""
    reader = _Reader()
    with _translate_missing_object():
        async for chunk in storage.read_stream(batch.batch_key):
            for rows in reader.feed(chunk):
                yield rows
    if rows := reader.finish():
        yield rows
    reader.ensure_complete(batch)


class _Reader:
    def __init__(self) -> None:
        self._digest, self._rest, self._rows = hashlib.sha256(), b"", 0

    def feed(self, chunk: bytes) -> Iterator[list[BatchRow]]:
        self._digest.update(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise _create_line_error(self._rows + len(lines) + 1)
        for part in batched(lines, CHUNK_SIZE):
            yield [self._parse(line) for line in part]

    def finish(self) -> list[BatchRow]:
        """Return the last row, if no line end follows it."""
        return [self._parse(self._rest)] if self._rest else []

    def ensure_complete(self, batch: ValidatedBatch) -> None:
        if self._digest.hexdigest() != batch.batch_sha256.lower():
            raise UnusableBatch(
                "batch_changed", "The rows were changed after they were validated. Import the table again."
            )
        if self._rows != batch.rows:
            raise UnusableBatch(
                "batch_incomplete",
                f"There are {self._rows} rows instead of {batch.rows}. Import the table again.",
            )

    def _parse(self, line: bytes) -> BatchRow:
        self._rows += 1
        try:
            return BatchRow.model_validate_json(line)
        except ValidationError as error:
            raise _create_line_error(self._rows) from error


def _create_line_error(line: int) -> UnusableBatch:
    detail = f"Line {line} of the validated rows cannot be read. Import the table again."
    return UnusableBatch("batch_unreadable", detail)


@contextmanager
def _translate_missing_object() -> Iterator[None]:
    try:
        yield
    except ObjectNotFound as error:
        raise UnusableBatch(
            "batch_missing", "The validated rows are no longer stored. Import the table again."
        ) from error
