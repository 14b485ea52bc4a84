"""Rows and objects of the systems under test."""

import io
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg

from deploy.backup.objects import create_client, list_objects
from deploy.backup.system import System

type MakeSystem = Callable[[], Awaitable[System]]

SESSION = "INSERT INTO upload_sessions (owner_id, expires_at) VALUES (uuidv7(), now())"
SPEECH = """
    INSERT INTO speeches (text, level, type, audio_key, duration_ms)
    VALUES ('A sentence.', 'A1', 'question', $1, 1000)
"""


async def execute(system: System, service: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(system.databases[service])
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def read(system: System, service: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(system.databases[service])
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def put(system: System, key: str, content: bytes = b"a recording") -> None:
    stream = io.BytesIO(content)
    create_client(system.bucket).put_object(system.bucket.name, key, stream, len(content), "audio/mpeg")


def delete(system: System, key: str) -> None:
    create_client(system.bucket).remove_object(system.bucket.name, key)


def list_keys(system: System) -> set[str]:
    return set(list_objects(create_client(system.bucket), system.bucket))


async def add_speech(system: System, *, content: bytes = b"a recording", with_object: bool = True) -> str:
    """Add a speech and its recording, and return the recording's key."""
    key = f"speeches/{uuid4()}.mp3"
    if with_object:
        put(system, key, content)
    await execute(system, "content", SPEECH, key)
    return key


async def is_empty(system: System) -> bool:
    speeches = await read(system, "content", "SELECT id FROM speeches")
    sessions = await read(system, "importer", "SELECT id FROM upload_sessions")
    return not speeches and not sessions and not list_keys(system)
