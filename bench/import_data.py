"""The recordings and the table of the import benchmark, and a COPY of the same rows for comparison."""

import csv
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from bench.speeches import CLAUSES, LEVELS, compose_sentence

IMPORT = "/api/v1/admin/import"
HEADER = ("audio_filename", "text", "level", "type", "tags")
TAGS = [f"tag {number}" for number in range(100)]
SECONDS_TO_UPLOAD = 600
UPLOAD = """
    INSERT INTO uploaded_files (
        session_id, original_filename, stored_filename, name_key, object_key, state, size_bytes, sha256,
        format, duration_ms, level_db
    )
    SELECT $1::uuid, name, name, name, 'speeches/' || uuidv7() || '.mp3', 'stored', 30000,
        sha256(name::bytea), 'mp3', 10000, -20
    FROM (SELECT number || '.mp3' AS name FROM generate_series(1, $2::integer) AS number) AS files
"""
COPIED_COLUMNS = {
    "speeches": (
        ("id", "text", "level", "type", "audio_key", "duration_ms", "import_id"),
        "SELECT {columns} FROM speeches WHERE import_id = '{import_id}'",
    ),
    "speech_tags": (
        ("speech_id", "tag_id"),
        "SELECT {columns} FROM speech_tags JOIN speeches ON id = speech_id WHERE import_id = '{import_id}'",
    ),
}

type Connection = "asyncpg.Connection[Any]"


async def upload_recordings(importer: Connection, owner_id: UUID, count: int) -> UUID:
    """Insert the rows of uploaded recordings; return the upload session."""
    session_id = uuid4()
    session = (
        "INSERT INTO upload_sessions (id, owner_id, expires_at) VALUES ($1, $2, now() + interval '1 day')"
    )
    await importer.execute(session, session_id, owner_id)
    await importer.execute(UPLOAD, session_id, count)
    await importer.execute("VACUUM ANALYZE uploaded_files")
    return session_id


def write_table(path: Path, count: int, *, tag: str, seed: int) -> None:
    """Write a table of `count` different sentences with two or three tags, one of them `tag` on the last."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_generate_rows(Random(seed), count, tag=tag))


def _generate_rows(rng: Random, count: int, *, tag: str) -> Iterator[tuple[str, ...]]:
    levels = rng.choices(list(LEVELS), list(LEVELS.values()), k=count)
    for number, level in enumerate(levels, 1):
        text = f"{compose_sentence(rng, CLAUSES[level], 'answer')} That was {tag}, {number}."
        tags = [*rng.sample(TAGS, 2), *([tag] if number == count else [])]
        yield f"{number}.mp3", text, level, "answer", ",".join(tags)


async def start_import(client: httpx.AsyncClient, session_id: UUID, table: Path) -> UUID:
    """Upload the table; return the id of its import."""
    with table.open("rb") as file:
        response = await client.post(
            f"{IMPORT}/csv",
            files={"file": (table.name, file)},
            data={"upload_session_id": str(session_id)},
            timeout=SECONDS_TO_UPLOAD,
        )
    assert response.status_code == 202, response.text
    return UUID(response.json()["job_id"])


async def copy_import(content: Connection, reference: Connection, import_id: UUID) -> float:
    """Copy the rows of an import into the same tables of another database; return the seconds."""
    tags = [tuple(tag) for tag in await content.fetch("SELECT id, name, category FROM tags")]
    await reference.executemany("INSERT INTO tags VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", tags)
    with tempfile.TemporaryDirectory() as folder:
        for table, (columns, query) in COPIED_COLUMNS.items():
            statement = query.format(columns=", ".join(columns), import_id=import_id)
            await content.copy_from_query(statement, output=Path(folder, table))
        started = time.perf_counter()
        async with reference.transaction():
            for table, (columns, _) in COPIED_COLUMNS.items():
                await reference.copy_to_table(table, source=Path(folder, table), columns=columns)
        return time.perf_counter() - started
