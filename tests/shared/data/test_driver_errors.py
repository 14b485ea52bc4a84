"""Every error of every driver is an outage (503), a conflict to repeat, or our fault."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from inspect import isclass
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import urllib3
import uvloop
from asyncpg import exceptions as postgres
from minio import error as minio
from redis import exceptions as redis
from shared.data import redis_errors, storage
from shared.data.cache import Cache, CacheRefused, CacheUnavailable
from shared.data.db import Database, create_engine
from shared.data.db_errors import (
    DatabaseUnavailable,
    TransactionConflict,
    is_conflict,
    is_connection_error,
    translate_driver_errors,
)
from shared.data.network import is_network_error
from sqlalchemy import exc as sqlalchemy
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi

from tests.shared.proxy import run_proxy

UVLOOP = RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
NETWORK: list[Exception] = [
    UVLOOP,
    TimeoutError(),
    ConnectionResetError(),
    BrokenPipeError(),
    OSError(113, "No route to host"),
    asyncio.IncompleteReadError(b"", 1),
]
OURS: list[Exception] = [RuntimeError("bug"), RecursionError(), ValueError(), TypeError(), KeyError()]

CONFLICTS = {"40001", "40P01", "55P03"}
AWAY = {
    *("08000", "08001", "08003", "08004", "08006", "08007", "08P01"),
    *("53000", "53100", "53200", "53300", "53400"),
    *("57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05"),
    *("58000", "58030", "25006", "40003"),
}
REDIS_AWAY = {
    *("BusyLoadingError", "ClusterDownError", "ClusterError", "ConnectionError", "ExternalAuthProviderError"),
    *("MasterDownError", "MaxConnectionsError", "OutOfMemoryError", "ReadOnlyError", "TimeoutError"),
    "TryAgainError",
}
URLLIB3_AWAY = {
    *("ClosedPoolError", "ConnectTimeoutError", "EmptyPoolError", "FullPoolError", "HostChangedError"),
    *("IncompleteRead", "InvalidChunkLength", "MaxRetryError", "NameResolutionError", "NewConnectionError"),
    *("PoolError", "ProtocolError", "ProxyError", "ReadTimeoutError", "RequestError", "ResponseNotChunked"),
    *("SSLError", "TimeoutError"),
}


def list_classes(module: ModuleType, base: type[Exception]) -> list[type[Exception]]:
    classes = {value for value in vars(module).values() if isclass(value) and issubclass(value, base)}
    return sorted(classes, key=lambda error_type: error_type.__name__)


def make_blank[E: Exception](error_type: type[E], *args: object) -> E:
    """Make an error without calling its constructor, which differs from class to class."""
    error = error_type.__new__(error_type)
    error.args = args
    return error


def wrap(error: Exception) -> list[Exception]:
    """Return the error as the driver, the pool and a statement raise it."""
    untyped: Any = AsyncAdapt_asyncpg_dbapi
    dialect_error: Exception = untyped(asyncpg).Error(str(error), error)
    dialect_error.__cause__ = error
    return [error, dialect_error, sqlalchemy.DBAPIError("SELECT 1", {}, dialect_error)]


POSTGRES = [
    error_type
    for error_type in list_classes(postgres, postgres.PostgresError)
    if error_type.sqlstate  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("error_type", POSTGRES)
def test_every_state_of_postgresql_is_classified(error_type: Any) -> None:
    for error in wrap(error_type("x")):
        is_cached = error_type is postgres.InvalidCachedStatementError
        assert is_conflict(error) is (error_type.sqlstate in CONFLICTS or is_cached)
        assert is_connection_error(error) is (error_type.sqlstate in AWAY)


def test_the_driver_knows_all_classified_states() -> None:
    known_states = {error_type.sqlstate for error_type in POSTGRES}  # type: ignore[attr-defined]
    assert known_states >= AWAY | CONFLICTS


@pytest.mark.parametrize("error_type", list_classes(postgres, postgres.InterfaceError))
def test_only_a_closed_connection_is_an_outage_among_interface_errors(error_type: type[Exception]) -> None:
    for error in wrap(error_type("connection is closed")):
        assert is_connection_error(error) is (error_type is postgres.InterfaceError)
    for error in wrap(error_type("cannot perform operation: another operation is in progress")):
        assert not is_connection_error(error)


@pytest.mark.parametrize("error_type", list_classes(postgres, postgres.InternalClientError))
def test_only_a_failover_is_an_outage_among_client_errors(error_type: type[Exception]) -> None:
    is_failover = error_type is postgres.TargetServerAttributeNotMatched
    assert is_connection_error(error_type("x")) is is_failover


@pytest.mark.parametrize("error", NETWORK, ids=repr)
def test_network_errors_are_outages_in_every_driver(error: Exception) -> None:
    assert is_network_error(error)
    assert all(map(is_connection_error, wrap(error)))
    assert redis_errors.is_redis_unavailable(error)
    assert storage.is_storage_unavailable(error)
    with pytest.raises(DatabaseUnavailable), translate_driver_errors():
        raise error


@pytest.mark.parametrize("error", OURS, ids=repr)
def test_our_own_errors_are_neither_conflicts_nor_outages(error: Exception) -> None:
    assert not is_conflict(error)
    assert not is_connection_error(error)
    assert not redis_errors.is_redis_unavailable(error)
    assert not storage.is_storage_unavailable(error)
    with pytest.raises(type(error)), translate_driver_errors():
        raise error


@pytest.mark.parametrize("error_type", list_classes(redis, Exception))
def test_every_error_of_redis_is_classified(error_type: type[Exception]) -> None:
    error = make_blank(error_type, "x")
    assert redis_errors.is_redis_unavailable(error) is (error_type.__name__ in REDIS_AWAY)


@pytest.mark.parametrize(
    "answer", ["MISCONF Redis cannot save", "NOREPLICAS Not enough", "BUSY Redis is busy"]
)
def test_a_response_of_redis_that_asks_to_retry_is_an_outage(answer: str) -> None:
    assert redis_errors.is_redis_unavailable(redis.ResponseError(answer))
    assert not redis_errors.is_redis_unavailable(redis.ResponseError("WRONGTYPE " + answer))


@pytest.mark.parametrize("error_type", list_classes(urllib3.exceptions, urllib3.exceptions.HTTPError))
def test_every_error_of_urllib3_is_classified(error_type: type[Exception]) -> None:
    assert storage.is_storage_unavailable(make_blank(error_type)) is (error_type.__name__ in URLLIB3_AWAY)


@pytest.mark.parametrize(
    ("status", "code", "is_unavailable"),
    [
        (500, "InternalError", True),
        (503, "SlowDown", True),
        (503, "ServiceUnavailable", True),
        (429, "TooManyRequests", True),
        (400, "RequestTimeout", True),
        (409, "OperationAborted", True),
        (403, "AccessDenied", False),
        (403, "InvalidAccessKeyId", False),
        (403, "SignatureDoesNotMatch", False),
        (404, "NoSuchBucket", False),
        (400, "InvalidArgument", False),
    ],
)
def test_responses_of_s3_are_classified_by_their_code(status: int, code: str, is_unavailable: bool) -> None:
    response: Any = urllib3.HTTPResponse(status=status)
    error = minio.S3Error(response, code, "message", "resource", None, None)
    assert storage.is_storage_unavailable(error) is is_unavailable


@pytest.mark.parametrize("error_type", [minio.ServerError, minio.InvalidResponseError])
def test_a_response_that_is_not_from_s3_is_an_outage(error_type: type[Exception]) -> None:
    assert storage.is_storage_unavailable(make_blank(error_type))


RAISED = "DO $$ BEGIN RAISE 'x' USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("57P01", DatabaseUnavailable), ("53300", DatabaseUnavailable), ("25006", DatabaseUnavailable)]
    + [(state, TransactionConflict) for state in sorted(CONFLICTS)]
    + [("22012", sqlalchemy.DBAPIError), ("42P01", sqlalchemy.DBAPIError), ("XX000", sqlalchemy.DBAPIError)],
)
async def test_errors_of_a_real_server_are_translated(
    database: Database, state: str, expected: type[Exception]
) -> None:
    with pytest.raises(expected) as raised:
        async with database.transaction() as session:
            await session.execute(text(RAISED.format(state)))
    assert type(raised.value) is expected or expected is sqlalchemy.DBAPIError


async def test_a_write_to_a_read_only_database_is_an_outage(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DatabaseUnavailable), translate_driver_errors():
            await session.execute(text("CREATE TABLE x (id int)"))
        await session.rollback()


async def test_an_argument_of_the_wrong_type_is_not_an_outage(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await database.fetch("SELECT $1::int", "x")


@asynccontextmanager
async def run_refusing_server(state: str) -> AsyncIterator[str]:
    """Run a PostgreSQL that responds every connection with an error, as it does while it starts."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        [length] = struct.unpack("!I", await reader.readexactly(4))
        [request] = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(length - 8)
        if request == 80877103:  # the client asks for TLS
            writer.write(b"N")
            [length] = struct.unpack("!I", await reader.readexactly(4))
            await reader.readexactly(length - 4)
        fields = f"SFATAL\0VFATAL\0C{state}\0Mno\0\0".encode()
        writer.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    yield f"postgresql+asyncpg://x:x@127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    server.close()


async def read_by_session(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))


async def read_by_driver(database: Database) -> None:
    await database.fetch("SELECT 1")


@pytest.mark.parametrize("read", [read_by_session, read_by_driver])
@pytest.mark.parametrize(
    ("state", "is_unavailable"),
    [("57P03", True), ("53300", True), ("57P01", True), ("28P01", False), ("3D000", False)],
)
async def test_a_refused_connection_is_classified_by_its_state(
    read: Callable[..., Any], state: str, is_unavailable: bool
) -> None:
    async with run_refusing_server(state) as url:
        database = Database(create_engine(url, name="tests"))
        with pytest.raises(Exception, match=r"(?s).*") as raised:
            await read(database)
        await database.close()
    assert isinstance(raised.value, DatabaseUnavailable) is is_unavailable


async def test_a_permanent_refusal_of_redis_is_not_an_outage(base_settings: dict[str, Any]) -> None:
    address = urlsplit(base_settings["redis_url"].get_secret_value())
    wrong = address._replace(netloc=f":wrong@{address.hostname}:{address.port}")
    cache = Cache(wrong.geturl(), service="x")
    with pytest.raises(CacheRefused):
        await cache.invalidate("x")
    await cache.close()


async def test_connections_that_are_reset_under_uvloop_are_outages(base_settings: dict[str, Any]) -> None:
    url = base_settings["redis_url"].get_secret_value()

    def run() -> set[str]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(reset_often(url))

    assert "RuntimeError" in await asyncio.to_thread(run)


async def reset_often(url: str) -> set[str]:
    """Return the classes of the errors that a cache meets, and check that it classifies them."""
    error_types = set[str]()
    async with run_proxy(url) as (proxy, proxy_url):
        for number in range(20):
            cache = Cache(proxy_url, service="x")
            await cache.invalidate("x")
            proxy.reset()
            # The transport notices it only after a turn of the loop.
            await asyncio.sleep(0.001 * (number % 2))
            try:
                await cache.invalidate("x")
            except CacheUnavailable as error:
                error_types.add(type(error.__cause__).__name__)
            await cache.close()
    return error_types
