import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from minio import Minio
from pydantic import SecretStr
from shared.data import storage as module
from shared.data.storage import ObjectNotFound, ObjectTooLarge, Storage, StorageUnavailable
from shared.placeholders import is_placeholder
from shared.settings import StorageSettings


@pytest.fixture
async def storage(base_settings: dict[str, Any], worker_id: str) -> Storage:
    settings = StorageSettings.model_validate({**base_settings, "s3_bucket": f"storage-{worker_id}"})
    storage = Storage(settings)
    await storage.ensure_bucket()
    await storage.ensure_bucket()
    return storage


async def test_an_object_is_read_through_its_presigned_address(storage: Storage) -> None:
    await storage.put("speeches/a b.mp3", b"0123456789", content_type="audio/mpeg")
    url, expires_at = storage.presign("speeches/a b.mp3")
    async with httpx.AsyncClient() as client:
        response = await client.get(url)
        part = await client.get(url, headers={"Range": "bytes=2-4"})
        forged = await client.get(url.replace("a%20b", "other"))
        unsigned = await client.get(url.partition("?")[0])
    assert (response.status_code, response.content) == (200, b"0123456789")
    assert response.headers["content-type"] == "audio/mpeg"
    assert response.headers["content-disposition"] == "inline; filename*=UTF-8''a%20b.mp3"
    # The status is 206 on MinIO and AWS; rclone's server sends the same part and headers with 200.
    assert (part.content, part.headers["content-range"]) == (b"234", "bytes 2-4/10")
    assert {forged.status_code, unsigned.status_code} <= {400, 403}
    assert timedelta(minutes=30) <= expires_at - datetime.now(UTC) <= timedelta(hours=1)


@given(
    endpoint=st.sampled_from(
        ["http://127.0.0.1:9000", "https://audio.example.com", "https://s3.eu-west-1.amazonaws.com"]
    ),
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda key: key.strip() and not {".", ".."} & set(key.split("/"))
    ),
    access_key=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1),
    secret_key=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=8).filter(
        lambda secret: not is_placeholder(secret)
    ),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_a_presigned_address_equals_the_one_of_the_sdk(
    endpoint: str, key: str, access_key: str, secret_key: str, now: datetime
) -> None:
    settings = StorageSettings(
        environment="test",
        s3_public_endpoint=endpoint,
        s3_access_key=access_key,
        s3_secret_key=SecretStr(secret_key),
        s3_region="eu-west-1",
    )
    address = urlsplit(endpoint)
    sdk = Minio(address.netloc, access_key, secret_key, secure=address.scheme == "https", region="eu-west-1")
    url, ends = Storage(settings).presign(key, now=now)
    hour = timedelta(hours=1)
    query: dict[str, str | list[str] | tuple[str]] = {
        "response-content-disposition": f"inline; filename*=UTF-8''{quote(key.rpartition('/')[2])}"
    }
    expected = sdk.presigned_get_object(
        settings.s3_bucket, key, hour, response_headers=query, request_date=ends - hour
    )
    assert url == expected


def test_a_presigned_address_stays_the_same_for_half_an_hour(storage: Storage) -> None:
    noon = datetime(2030, 1, 1, 12, 0, 1, tzinfo=UTC)
    first, ends = storage.presign("x", now=noon)
    assert storage.presign("x", now=noon + timedelta(minutes=29)) == (first, ends)
    assert storage.presign("x", now=noon + timedelta(minutes=31))[0] != first
    assert ends == datetime(2030, 1, 1, 13, 0, tzinfo=UTC)


async def test_an_object_exists_after_it_is_stored(storage: Storage) -> None:
    await storage.put("here", b"x", content_type="audio/mpeg")
    assert await storage.has_object("here")
    assert not await storage.has_object("missing")


async def test_an_object_above_the_size_limit_is_not_read(storage: Storage) -> None:
    await storage.put("ten", b"0123456789", content_type="audio/mpeg")
    await storage.put("none", b"", content_type="audio/mpeg")
    assert await storage.read("ten", max_bytes=10) == b"0123456789"
    assert await storage.read("none", max_bytes=10) == b""
    with pytest.raises(ObjectTooLarge):
        await storage.read("ten", max_bytes=9)
    with pytest.raises(ObjectNotFound):
        await storage.read("missing", max_bytes=10)


async def test_an_unavailable_storage_is_reported_quickly(base_settings: dict[str, Any]) -> None:
    unreachable = Storage(
        StorageSettings.model_validate({**base_settings, "s3_endpoint": "http://127.0.0.1:1"})
    )
    for call in (unreachable.ensure_bucket(), unreachable.has_object("x"), unreachable.ping()):
        with pytest.raises(StorageUnavailable):
            await call
    assert unreachable.presign("x")[0].startswith("http://127.0.0.1:1/")  # signing needs no server


async def test_a_refused_request_is_not_reported_as_a_missing_object(
    base_settings: dict[str, Any], storage: Storage
) -> None:
    unauthorized = Storage(
        StorageSettings.model_validate({**base_settings, "s3_secret_key": SecretStr("another secret")})
    )
    for call in (unauthorized.has_object("x"), unauthorized.read("x", max_bytes=1)):
        with pytest.raises(StorageUnavailable):
            await call


async def test_a_request_to_a_busy_storage_is_repeated(base_settings: dict[str, Any]) -> None:
    responses = iter([b"503 Slow Down", b"200 OK"])

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + next(responses) + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await Storage(StorageSettings.model_validate({**base_settings, "s3_endpoint": endpoint})).ping()
    assert list(responses) == []
    server.close()


async def test_many_first_objects_of_a_folder_are_stored_concurrently(storage: Storage) -> None:
    for _ in range(3):
        keys = [f"{folder}/{number}" for folder in (uuid4(),) for number in range(32)]
        await asyncio.gather(*(storage.put(key, b"x", content_type="audio/mpeg") for key in keys))
        assert all(await asyncio.gather(*(storage.has_object(key) for key in keys)))


async def test_processes_that_start_together_share_the_bucket(base_settings: dict[str, Any]) -> None:
    variables = base_settings | {"s3_bucket": f"together-{uuid4().hex[:8]}"}
    replicas = [Storage(StorageSettings.model_validate(variables)) for _ in range(8)]
    await asyncio.gather(*(replica.ensure_bucket() for replica in replicas))
    await replicas[0].ping()


async def test_a_request_to_a_silent_storage_times_out(
    base_settings: dict[str, Any], silent_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_TIMEOUT_SECONDS", 0.1)
    endpoint = f"http://127.0.0.1:{silent_server.port}"
    silent = Storage(StorageSettings.model_validate({**base_settings, "s3_endpoint": endpoint}))
    async with asyncio.timeout(5):
        with pytest.raises(StorageUnavailable):
            await silent.ping()
