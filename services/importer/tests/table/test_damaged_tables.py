"""Tables that were damaged in any way are read, or refused with a sentence; nothing else happens."""

import random
from collections.abc import AsyncIterator, Callable
from io import BytesIO

import pytest
from importer.table import TableProblem, inspect_table, read_rows
from openpyxl import Workbook

ROWS = [
    ["audio_filename", "text", "level", "type", "tags"],
    *([f"{number}.mp3", f'He said "hé", {number}.', "A1", "answer", "a, b"] for number in range(20)),
]
CASES = 100
"""Per kind of table."""


def make_csv() -> bytes:
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in ROWS)
    return "\r\n".join(quoted).encode()


def make_utf_16() -> bytes:
    return make_csv().decode().encode("utf-16")


def make_spreadsheet() -> bytes:
    workbook, content = Workbook(), BytesIO()
    assert workbook.active is not None
    for row in ROWS:
        workbook.active.append(row)
    workbook.save(content)
    return content.getvalue()


def damage(table: bytes, chance: random.Random) -> bytes:
    """Cut a table off, overwrite bytes, remove a part or repeat it."""
    start, end = sorted(chance.randrange(len(table)) for _ in range(2))
    overwritten = bytearray(table)
    for _ in range(chance.choice([1, 5, 100])):
        overwritten[chance.randrange(len(table))] = chance.randrange(256)
    return chance.choice(
        [table[:end], bytes(overwritten), table[:start] + table[end:], table[:end] + table[start:]]
    )


async def count_rows(table: bytes) -> int:
    async def read() -> AsyncIterator[bytes]:
        yield table

    facts = await inspect_table(read, max_rows=1_000)
    return sum([len(rows) async for rows in read_rows(read, encoding=facts.encoding, size=1_000)])


@pytest.mark.parametrize("make", [make_csv, make_utf_16, make_spreadsheet])
async def test_a_damaged_table_is_read_or_refused(make: Callable[[], bytes]) -> None:
    chance = random.Random(make.__name__)  # noqa: S311 - repeatable on purpose
    table, details = make(), list[str]()
    assert await count_rows(table) == len(ROWS) - 1
    for _ in range(CASES):
        try:
            await count_rows(damage(table, chance))
        except TableProblem as problem:
            details.append(problem.detail)
    assert details
    assert all(detail.endswith((".", "?")) for detail in details)
