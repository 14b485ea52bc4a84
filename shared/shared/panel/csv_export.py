"""Lists as CSV, with formulas escaped for spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import StreamingResponse

from shared.spreadsheets import BOM, guard_cell


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
