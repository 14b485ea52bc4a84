"""Contracts are additive: a consumer applies an event that has additional fields.

Every event is delivered to every consumer twice: as the contract is today, and with one more optional field,
filled, in each of its models. Both deliveries must leave the same rows.
"""

import asyncio
from collections.abc import AsyncIterator
from copy import copy
from functools import reduce
from importlib import import_module
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin
from uuid import NAMESPACE_DNS, UUID, uuid5

import pytest
from contracts import EVENTS, Event
from contracts.content import ImportUndone
from pydantic import BaseModel, create_model
from shared.data.db import Database, create_engine
from shared.data.migrations import upgrade
from shared.messaging.inbox import Handler, Subscriptions, apply_once
from shared.testing import create_scratch_database
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

ADDED = "added_later"
CASES = [
    pytest.param(consumer, event, id=f"{consumer}-{event.__name__}")
    for event in EVENTS
    for consumer in event.consumers
]
GIVEN = {
    "content": "INSERT INTO speeches (id, text, level, type, audio_key, duration_ms)"
    " VALUES (:speech_id, 'Hi.', 'A1', 'answer', 'hi.mp3', 900)",
    "importer": "WITH opened AS (INSERT INTO upload_sessions (owner_id, expires_at)"
    " VALUES (:owner_id, now()) RETURNING id)"
    " INSERT INTO import_jobs (id, owner_id, session_id, state, source_key, source_filename, source_sha256)"
    " SELECT :import_id, :owner_id, id, :state, 'a', 'a', '' FROM opened",
}
"""Rows that a service needs to have an effect of the example events."""
NEW_EACH_TIME = {
    "outbox": {"id", "body", "recorded_at", "due_at"},
    "audit_log": {"id", "at"},
    "import_jobs": {"updated_at", "finished_at"},
}
"""Ids and times by table, which differ between two equal deliveries."""


def make_example(event: type[Event]) -> dict[str, Any]:
    """Return an event as its schema describes it, every optional field included."""
    schema = event.model_json_schema()
    return {**_build_example(schema, schema.get("$defs", {})), "id": str(uuid7())}


def _build_example(schema: dict[str, Any], models: dict[str, Any], name: str = "") -> Any:
    if "$ref" in schema:
        return _build_example(models[schema["$ref"].rpartition("/")[2]], models, name)
    if "anyOf" in schema:
        return _build_example(schema["anyOf"][0], models, name)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: _build_example(field, models, name) for name, field in schema["properties"].items()}
        case "array":
            return [_build_example(schema["items"], models, name)]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
    formats = {"uuid": str(make_id(name)), "date-time": "2026-03-01T12:00:00Z"}
    return formats.get(schema.get("format", ""), "text")


def make_id(field: str) -> UUID:
    """Return the same id for every field of a name, so that all events concern the same rows."""
    return uuid5(NAMESPACE_DNS, field)


def grow(annotation: Any) -> Any:
    """Return the type with one more optional field in every model that it contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields: dict[str, Any] = {ADDED: (str | None, None)}
        for name, field in annotation.model_fields.items():
            fields[name] = (grow(field.annotation), copy(field))
        return create_model(annotation.__name__, __base__=annotation, **fields)
    if get_origin(annotation) in (Union, UnionType):
        return reduce(or_, map(grow, get_args(annotation)))
    if get_origin(annotation) is list:
        return list[grow(get_args(annotation)[0])]  # type: ignore[misc] # a type made at run time
    return annotation


def fill(value: Any) -> Any:
    """Return a copy of an event's content with the added field in every object."""
    match value:
        case dict():
            return {name: fill(part) for name, part in value.items()} | {ADDED: "filled"}
        case list():
            return [fill(part) for part in value]
    return value


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
async def migrated_url(service: str, worker_id: str) -> AsyncIterator[str]:
    async with create_scratch_database(f"additive_{service}_{worker_id}") as url:
        await asyncio.to_thread(upgrade, service, url)
        yield url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """The database of the service: the fixture of this name in shared.testing has one for each process."""
    engine = create_engine(migrated_url, name="tests")
    async with engine.connect() as connection, connection.begin() as transaction:
        yield Database(connection)
        await transaction.rollback()
    await engine.dispose()


@pytest.fixture
async def handler(
    service: str, event: type[Event], database: Database, base_settings: dict[str, Any]
) -> Handler[Any]:
    """The function with which the service consumes the event."""
    consumers = import_module(f"{service}.consumers")
    handlers: Subscriptions = consumers.subscriptions
    return handlers[event]


async def deliver_and_undo(
    database: Database, queue: str, event: Event, handler: Handler[Any]
) -> dict[str, Any]:
    """Return the rows after a delivery, by table, and roll it back."""
    async with database.transaction() as undone:
        await undone.connection()
        assert await apply_once(database, queue, event, handler) == "applied"
        rows = await read_rows(undone)
        await undone.rollback()
    return rows


async def read_rows(session: AsyncSession) -> dict[str, Any]:
    table_names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    tables = (await session.scalars(text(table_names))).all()
    rows = {}
    for table in set(tables) - {"inbox", "alembic_version"}:
        every = text(f'SELECT to_jsonb(it) FROM "{table}" AS it ORDER BY it')  # noqa: S608 - names of our own
        new = NEW_EACH_TIME.get(table, set())
        found = (await session.scalars(every)).all()
        rows[table] = [{name: row[name] for name in row if name not in new} for row in found]
    return rows


def make_given(statement: str, event: type[Event]) -> dict[str, Any]:
    """Return the arguments of a statement of GIVEN."""
    arguments: dict[str, Any] = {name: make_id(name) for name in ("speech_id", "import_id", "owner_id")}
    arguments["state"] = "undoing" if event is ImportUndone else "applying"
    return {name: value for name, value in arguments.items() if f":{name}" in statement}


@pytest.mark.parametrize(("service", "event"), CASES, indirect=["service"], scope="session")
async def test_a_consumer_applies_an_event_with_an_added_field(
    service: str, event: type[Event], handler: Handler[Any], database: Database
) -> None:
    queue, content = event.build_queue_name(service), make_example(event)
    plain = event.model_validate(content)
    parsed = grow(event).model_validate(fill(content))
    assert parsed.data.added_later == "filled"
    async with database.transaction() as session:
        if service in GIVEN:
            await session.execute(text(GIVEN[service]), make_given(GIVEN[service], event))
        untouched = await read_rows(session)
    effect = await deliver_and_undo(database, queue, plain, handler)
    assert effect != untouched
    assert await deliver_and_undo(database, queue, parsed, handler) == effect


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_field_that_a_contract_does_not_know_is_ignored(event: type[Event]) -> None:
    plain = event.model_validate(make_example(event))
    sent = grow(event).model_validate(fill(plain.model_dump()))
    assert ADDED in sent.model_dump()["data"]
    assert event.model_validate_json(sent.model_dump_json()) == plain
