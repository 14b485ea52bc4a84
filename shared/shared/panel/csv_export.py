"""Lists as CSV, with formulas escaped for spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import StreamingResponse

from shared.errors import TooManyRequests
from shared.spreadsheets import BOM, guard_cell

RETRY_AFTER_SECONDS = 5


class ExportRunning(TooManyRequests):
    """The user is downloading another export."""

    code = "export_running"

    def __init__(self) -> None:
        super().__init__(
            "You are downloading another export. Wait until it is complete.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class ExportLocks:
    """Allows each user one export at a time."""

    # An export reads its pages during the download, when the request holds neither a slot nor a share.
    def __init__(self) -> None:
        self._users = set[UUID]()

    @contextmanager
    def take(self, request: Request) -> Iterator[None]:
        """Hold the user's lock during the block if the request is for an export. Raises ExportRunning."""
        if not request.url.path.endswith(".csv"):
            yield
            return
        user_id: UUID = request.state.user_id
        if user_id in self._users:
            raise ExportRunning
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)


def to_csv_response(
    filename: str, header: Sequence[str], chunks: AsyncIterator[Iterable[Sequence[Any]]]
) -> StreamingResponse:
    """Stream rows. Text that a spreadsheet would interpret as a formula is prefixed with an apostrophe."""
    disposition = f'attachment; filename="{filename}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return StreamingResponse(_write(header, chunks), headers=headers, media_type="text/csv; charset=utf-8")


async def _write(
    header: Sequence[str], chunks: AsyncIterator[Iterable[Sequence[Any]]]
) -> AsyncIterator[bytes]:
    yield (BOM + to_csv([header])).encode()
    async for rows in chunks:
        yield to_csv(rows).encode(errors="replace")


def to_csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows([_to_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _to_cell(value: Any) -> str:
    if value is None:
        return ""
    # A negative number is not a formula: it has no letters.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        value = ", ".join(map(str, value))
    return guard_cell(str(value))
