"""Writes docs/events.md and docs/events.json from the contracts: `python docs/make_events.py [--check]`."""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from contracts import EVENTS, Event
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.specification import AsyncAPI
from pydantic import BaseModel
from shared.messaging.broker import EXCHANGE
from shared.messaging.queues import DEAD_LETTER_EXCHANGE, dead_letter_queue

PAGE = Path(__file__).with_name("events.md")
SNAPSHOT = Path(__file__).with_name("events.json")

HEAD = f"""# Events

Generated from `shared/contracts` by `make docs`; do not edit.

Services publish events through the topic exchange `{EXCHANGE}`. A message is a
[CloudEvents 1.0](https://github.com/cloudevents/spec) event in structured JSON
(`application/cloudevents+json`): `id` (UUIDv7, also the AMQP message id), `type` (also the routing key),
`source`, `subject`, `time`, `traceparent` and `data`. Messages are persistent, published with confirms, and
delivered at least once; a consumer's inbox ensures that each is applied once.

Each consumer has one durable queue per event. Rejected messages go through `{DEAD_LETTER_EXCHANGE}` to
`{dead_letter_queue("<queue>")}`; `make replay-dead` returns them after the cause is fixed.

| event | type | consumers and their queues |
|---|---|---|
"""


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Find the models in a type: the type itself, or its type arguments."""
    parts = [annotation, *get_args(annotation)]
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        type_name = getattr(field.annotation, "__name__", "") if not get_args(field.annotation) else ""
        type_name = type_name or str(field.annotation).replace("typing.", "").replace("|", "or")
        inner = _models(field.annotation)
        if not inner:
            yield f"| `{prefix}{name}` | {type_name} |"
        for model in inner:
            yield from _fields(model, f"{prefix}{name}{'' if model is field.annotation else '[]'}.")


def _section(event: type[Event]) -> str:
    [data] = _models(event.model_fields["data"].annotation)
    notes = "\n\n".join(inspect.getdoc(part) or "" for part in (event, data))
    rows = "\n".join(_fields(data))
    return f"## {event.__name__}\n\n{notes}\n\n| field of `data` | type |\n|---|---|\n{rows}\n"


def _asyncapi() -> str:
    broker = RabbitBroker(specification_url="amqp://rabbitmq:5672")
    exchange = RabbitExchange(EXCHANGE, type=ExchangeType.TOPIC, durable=True)
    for event in EVENTS:
        key = event.get_routing_key()
        broker.publisher(routing_key=key, exchange=exchange, schema=event, title=event.__name__)
        for consumer in event.consumers:
            queue = event.build_queue_name(consumer)

            def receive(event: Event) -> None:
                """Handled by the consumer."""

            receive.__annotations__ = {"event": event}
            receive.__doc__ = event.__doc__
            subscriber = broker.subscriber(
                RabbitQueue(queue, routing_key=event.get_routing_key()), exchange, title=queue
            )
            subscriber(receive)
    document = AsyncAPI(broker, title="Parley events", version="1").to_specification().to_jsonable()
    return str(yaml.safe_dump(document, sort_keys=True, allow_unicode=True, width=110))


def page() -> str:
    """Build docs/events.md."""
    rows = []
    for event in EVENTS:
        queues = ", ".join(
            f"{consumer} (`{event.build_queue_name(consumer)}`)" for consumer in event.consumers
        )
        rows.append(f"| {event.__name__} | `{event.get_routing_key()}` | {queues or 'none yet'} |")
    sections = "\n".join(_section(event) for event in EVENTS)
    details = f"<details><summary>AsyncAPI 3.0</summary>\n\n```yaml\n{_asyncapi()}```\n\n</details>"
    asyncapi = f"## AsyncAPI\n\n{details}\n"
    return HEAD + "\n".join(rows) + "\n\n" + sections + "\n" + asyncapi


def snapshot() -> str:
    """Build the JSON schemas of all events by type; a change may only add to them."""
    schemas = {event.get_routing_key(): event.model_json_schema() for event in EVENTS}
    return json.dumps(schemas, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for path, text in ((PAGE, page()), (SNAPSHOT, snapshot())):
        if "--check" not in sys.argv:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"docs/{path.name} is out of date: run `make docs`")
