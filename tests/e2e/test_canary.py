"""No part of a recording or of its text stays anywhere in the system, even after a failure."""

import base64
import os
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aio_pika
import asyncpg
import httpx
import numpy as np
import psutil
import pytest
from redis.asyncio import Redis

from deploy.local.plan import BUCKET
from deploy.local.stack import Stack
from services.scoring.tests.situations import SITUATIONS, Api, Recordings, run_situation
from services.scoring.tests.system_calls import Trace, Tracer, attach
from tests.journey import RECORDINGS, REFERENCE, Learner
from tests.places import CHUNK_BYTES, Places, spell

pytestmark = [
    pytest.mark.long,
    pytest.mark.journey,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc and strace are for Linux"),
]


@pytest.fixture
def recordings() -> Recordings:
    with wave.open(str(RECORDINGS / "good.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return Recordings(samples.astype(np.float32) / np.float32(32_768), REFERENCE)


@pytest.fixture
def places(system: Stack, recordings: Recordings) -> Places:
    return Places(system, [*spell(recordings.canary), *spell(recordings.word.encode())])


@pytest.fixture
def api(system: Stack, learner: Learner, recordings: Recordings) -> Api:
    process = system.apis["scoring"].process
    assert process
    return Api(system.url, learner.token, psutil.Process(process.pid), recordings)


async def test_no_recording_is_stored(
    gateway: httpx.AsyncClient, system: Stack, api: Api, places: Places, tmp_path: Path
) -> None:
    async with places.collect_messages():
        with _trace_gateway(system, tmp_path) as tracer:
            for situation in SITUATIONS:
                await run_situation(situation, api)
        await Learner.sign_up(gateway)
    assert places.messages
    assert await places.search() == set()
    if tracer is None:
        pytest.skip("Only root may trace a running process here: the gateway's system calls are not checked.")
    _ensure_only_the_log_is_written(system, tracer.read())


@contextmanager
def _trace_gateway(system: Stack, folder: Path) -> Iterator[Tracer | None]:
    """Yield None where only root may trace a running process."""
    assert system.gateway.process
    with ExitStack() as stack:
        tracer = None
        with suppress(PermissionError):
            tracer = stack.enter_context(attach(system.gateway.process.pid, folder=folder))
        yield tracer


def _ensure_only_the_log_is_written(system: Stack, trace: Trace) -> None:
    log = str(system.run.log("gateway"))
    assert trace.calls["write"] + trace.calls["writev"] > len(SITUATIONS)
    assert [finding for finding in trace.findings if f"<{log}>" not in finding] == []


async def test_the_search_finds_planted_recordings(
    system: Stack, recordings: Recordings, places: Places, tmp_path: Path
) -> None:
    assert await places.search() == set()
    voice, word = recordings.canary, recordings.word
    async with AsyncExitStack() as plants:
        files = _plant_in_files(system, plants, voice, word, tmp_path)
        unlinked_file = plants.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        unlinked_file.write(voice.hex().encode())
        unlinked_file.flush()
        places.others.append(os.getpid())
        await plants.enter_async_context(_plant_in_redis(system, f"x{voice.hex()}"))
        await plants.enter_async_context(_plant_in_database(system, voice))
        async with places.collect_messages():
            await plants.enter_async_context(_plant_in_queue(system, base64.b64encode(b"xx" + voice)))
        matches = await places.search()
    assert {*files, "redis: leak", "game: public.leak", "rabbitmq: leak", "message 0"} <= matches
    assert any(name.endswith("(deleted)") for name in matches)


def _plant_in_files(system: Stack, plants: AsyncExitStack, voice: bytes, word: str, folder: Path) -> set[str]:
    log, temporary = system.run.log("scoring-api"), folder / "spooled"
    with log.open("a") as file:
        file.write(f'{{"event": "planted by a test", "text": "{word}"}}\n')
    # Across the boundary of two chunks in which files are read.
    temporary.write_bytes(bytes(CHUNK_BYTES - 5) + voice + bytes(99))
    stored = system.run.folder / "data" / "s3" / BUCKET / f"{word}.wav"
    stored.write_bytes(b"RIFF")
    plants.callback(stored.unlink)
    return {str(path.resolve()) for path in (log, temporary, stored)}


@asynccontextmanager
async def _plant_in_redis(system: Stack, value: str) -> AsyncIterator[None]:
    async with Redis.from_url(f"{system.plan.addresses.redis_url}/0") as redis:
        await redis.set("leak", value)
        yield
        await redis.delete("leak")


@asynccontextmanager
async def _plant_in_database(system: Stack, value: bytes) -> AsyncIterator[None]:
    connection = await asyncpg.connect(f"{system.plan.addresses.postgres_url.rpartition('/')[0]}/game")
    await connection.execute("CREATE TABLE leak (voice bytea)")
    await connection.execute("INSERT INTO leak VALUES ($1)", value)
    yield
    await connection.execute("DROP TABLE leak")
    await connection.close()


@asynccontextmanager
async def _plant_in_queue(system: Stack, body: bytes) -> AsyncIterator[None]:
    async with await aio_pika.connect(f"{system.plan.addresses.rabbitmq_url}/") as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("leak")
        await channel.default_exchange.publish(aio_pika.Message(body), "leak")
        yield
        await queue.delete(if_empty=False)
