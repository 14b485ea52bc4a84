"""Objects that are written in parts and read in ranges."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from minio.error import InvalidResponseError
from shared.data import s3_streams
from shared.data import storage as module
from shared.data.s3_streams import PART_BYTES
from shared.data.storage import ObjectNotFound, Storage, StorageUnavailable
from shared.settings import StorageSettings

from tests.shared.proxy import run_proxy


@pytest.fixture
async def settings(base_settings: dict[str, Any]) -> StorageSettings:
    variables = base_settings | {"s3_bucket": f"streams-{uuid4().hex[:8]}"}
    return StorageSettings.model_validate(variables)


@pytest.fixture
async def storage(settings: StorageSettings) -> Storage:
    storage = Storage(settings)
    await storage.ensure_bucket()
    return storage


async def split_into_chunks(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read_content(storage: Storage, key: str) -> bytes:
    return b"".join([chunk async for chunk in storage.read_stream(key)])


def make_random_content(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


async def list_unfinished(storage: Storage) -> bytes:
    """The server's list of multipart uploads, without those that are complete."""
    client, bucket = storage._client, storage._bucket
    try:
        response = await asyncio.to_thread(client._execute, "GET", bucket, query_params={"uploads": ""})
    except InvalidResponseError as error:
        assert "NoSuchUpload" in str(error)  # noqa: PT017 - rclone's server says so of none
        return b""
    return bytes(response.data)


@pytest.mark.parametrize(
    "size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 11 * 1024 * 1024 + 7]
)
async def test_a_stream_is_stored_and_read_back(storage: Storage, size: int) -> None:
    content = make_random_content(size)
    assert (
        await storage.put_stream("speeches/a.mp3", split_into_chunks(content), content_type="audio/mpeg")
        == size
    )
    assert await read_content(storage, "speeches/a.mp3") == content
    assert await storage.list_keys() == ["speeches/a.mp3"]


async def test_one_chunk_larger_than_parts_is_stored(storage: Storage) -> None:
    content = make_random_content(3 * PART_BYTES + 5)
    await storage.put_stream("large", split_into_chunks(content, len(content)))
    assert await read_content(storage, "large") == content


async def test_many_first_objects_of_a_folder_are_streamed_concurrently(storage: Storage) -> None:
    content = make_random_content(PART_BYTES + 1000)
    keys = [f"folder/{number}" for number in range(16)]
    await asyncio.gather(*(storage.put_stream(key, split_into_chunks(content)) for key in keys))
    assert await storage.list_keys("folder/") == sorted(keys)


async def test_an_object_has_the_content_type_of_its_stream(storage: Storage) -> None:
    for key, size in (("small", 10), ("large", PART_BYTES + 10)):
        await storage.put_stream(
            key, split_into_chunks(make_random_content(size)), content_type="audio/x-wav"
        )
        stat = await asyncio.to_thread(storage._client.stat_object, storage._bucket, key)
        assert stat.content_type == "audio/x-wav"


@pytest.mark.parametrize("size", [0, 10, PART_BYTES + 10, 2 * PART_BYTES + 10])
async def test_a_failed_stream_leaves_no_object_or_parts(storage: Storage, size: int) -> None:
    async def yield_and_fail() -> AsyncIterator[bytes]:
        async for chunk in split_into_chunks(make_random_content(size)):
            yield chunk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put_stream("failed", yield_and_fail())
    assert await storage.list_keys() == []
    assert b"<Upload>" not in await list_unfinished(storage)


async def test_a_stream_that_fails_keeps_the_previous_object(storage: Storage) -> None:
    async def yield_and_fail() -> AsyncIterator[bytes]:
        yield make_random_content(PART_BYTES + 10)
        raise ConnectionResetError

    await storage.put("key", b"before", content_type="text/plain")
    with pytest.raises(ConnectionResetError):
        await storage.put_stream("key", yield_and_fail())
    assert await read_content(storage, "key") == b"before"


@pytest.mark.parametrize("size", [10, PART_BYTES - 1, 2 * PART_BYTES + 10])
async def test_a_cancelled_stream_leaves_no_object_or_parts(storage: Storage, size: int) -> None:
    content, finished = make_random_content(size), 0
    for number in range(25):
        key = f"cancelled-{number}"
        task = asyncio.create_task(storage.put_stream(key, split_into_chunks(content)))
        await asyncio.sleep(number * 0.002)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, int):
            finished += 1
            await storage.delete([key])
        assert await storage.list_keys() == [], number
    assert finished < 25
    assert b"<Upload>" not in await list_unfinished(storage)


async def test_a_second_cancellation_does_not_stop_the_cleanup(storage: Storage) -> None:
    async def yield_endlessly() -> AsyncIterator[bytes]:
        while True:
            yield make_random_content(PART_BYTES)
            await asyncio.sleep(0)

    task = asyncio.create_task(storage.put_stream("cancelled", yield_endlessly()))
    await asyncio.sleep(0.2)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*s3_streams._discarding)
    assert await storage.list_keys() == []
    assert b"<Upload>" not in await list_unfinished(storage)


async def test_a_slow_stream_occupies_no_thread(storage: Storage) -> None:
    async def yield_slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(3600)

    before = threading.active_count()
    waiting = [
        asyncio.create_task(storage.put_stream(f"slow-{number}", yield_slowly())) for number in range(100)
    ]
    await asyncio.sleep(0.1)
    assert threading.active_count() == before
    assert await storage.put_stream("quick", split_into_chunks(b"quick")) == 5
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_missing_object_is_reported(storage: Storage) -> None:
    with pytest.raises(ObjectNotFound):
        await read_content(storage, "missing")


async def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(storage: Storage) -> None:
    await storage.put_stream("key", split_into_chunks(make_random_content(3 * s3_streams.RANGE_BYTES)))
    chunks = storage.read_stream("key")
    await anext(chunks)
    await storage.put_stream("key", split_into_chunks(bytes(3 * s3_streams.RANGE_BYTES)))
    with pytest.raises(ObjectNotFound):
        await anext(chunks)


async def test_reading_continues_after_a_broken_connection(
    storage: Storage, settings: StorageSettings
) -> None:
    content = make_random_content(4 * s3_streams.RANGE_BYTES)
    await storage.put_stream("key", split_into_chunks(content))
    async with run_proxy(settings.s3_endpoint) as (proxy, endpoint):
        proxied = Storage(settings.model_copy(update={"s3_endpoint": endpoint}))
        read = b""
        async for chunk in proxied.read_stream("key"):
            read += chunk
            proxy.reset()
    assert read == content


async def test_an_unavailable_storage_is_reported(settings: StorageSettings) -> None:
    unreachable = Storage(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    large = split_into_chunks(make_random_content(PART_BYTES + 1))
    for call in (
        unreachable.put_stream("x", split_into_chunks(b"x")),
        unreachable.put_stream("x", large),
        read_content(unreachable, "x"),
    ):
        with pytest.raises(StorageUnavailable):
            await call
    for other in (unreachable.delete(["x"]), unreachable.list_keys(), unreachable.abort_unfinished("x")):
        with pytest.raises(StorageUnavailable):
            await other


async def test_deleting_an_object_twice_succeeds(storage: Storage) -> None:
    for key in ("a/1", "a/2", "b/1"):
        await storage.put(key, b"x", content_type="text/plain")
    await storage.delete(["a/1", "a/2", "a/3", "missing/1"])
    assert await storage.list_keys() == ["b/1"]
    await storage.delete(["a/1", "b/1"])
    await storage.delete([])
    assert await storage.list_keys() == []


async def test_keys_are_listed_by_their_prefix_beyond_a_page(storage: Storage) -> None:
    keys = [f"many/{number:04}" for number in range(1100)]
    for start in range(0, len(keys), 50):
        batch = keys[start : start + 50]
        await asyncio.gather(*(storage.put(key, b"", content_type="text/plain") for key in batch))
    await storage.put("other", b"", content_type="text/plain")
    assert await storage.list_keys("many/") == keys
    await storage.delete(keys)
    assert await storage.list_keys() == ["other"]


async def test_parts_of_a_key_from_a_killed_process_are_removed(storage: Storage) -> None:
    client, bucket = storage._client, storage._bucket
    for key in ("speeches/1.mp3", "speeches/1.mp3x"):
        upload = await asyncio.to_thread(client._create_multipart_upload, bucket, key, {})
        part = bytes(PART_BYTES)
        await asyncio.to_thread(client._upload_part, bucket, key, part, None, upload, 1)
    await storage.abort_unfinished("speeches/1.mp3")
    await storage.abort_unfinished("speeches/2.mp3")
    left = await list_unfinished(storage)
    assert b"<Key>speeches/1.mp3</Key>" not in left
    assert b"<Key>speeches/1.mp3x</Key>" in left


async def test_parts_are_joined_again_after_a_lost_response(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, calls = storage._streams._client, list[str]()
    complete = client._complete_multipart_upload

    def lose_answer(*args: Any) -> Any:
        calls.append("complete")
        complete(*args)
        raise ConnectionResetError

    def fail_once(*args: Any) -> Any:
        calls.append("complete")
        if len(calls) == 1:
            raise ConnectionResetError
        return complete(*args)

    content = make_random_content(PART_BYTES + 1)
    for name, replacement, attempts in (("lost", lose_answer, 1), ("failed", fail_once, 2)):
        calls.clear()
        monkeypatch.setattr(client, "_complete_multipart_upload", replacement)
        assert await storage.put_stream(name, split_into_chunks(content)) == len(content)
        assert await read_content(storage, name) == content
        assert len(calls) == attempts


async def test_a_stream_to_a_silent_storage_times_out(
    settings: StorageSettings, silent_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEND_PART_SECONDS", "STORE_PART_SECONDS"):
        monkeypatch.setattr(module, name, 0.2)
    silent = Storage(settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{silent_server.port}"}))
    for size in (10, PART_BYTES + 1):
        async with asyncio.timeout(5):
            with pytest.raises(StorageUnavailable):
                await silent.put_stream("x", split_into_chunks(make_random_content(size)))
            with pytest.raises(StorageUnavailable):
                await read_content(silent, "x")
    await asyncio.gather(*s3_streams._discarding)
