"""RabbitMQ: topology, publishing with confirms, and replay of dead letters."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError
from aiormq.abc import FieldTable
from contracts import EVENTS, Event

from shared.errors import Unavailable
from shared.messaging.jobs import Job

EXCHANGE = "parley.events"
DEAD_LETTER_EXCHANGE = "parley.dead"
CONFIRM_TIMEOUT_SECONDS = 5.0
UNROUTED_KEYS = frozenset(event.routing_key() for event in EVENTS if not event.consumers)
"""Routing keys of events that have no consumer, by contract."""


class BrokerUnavailable(Unavailable):
    """RabbitMQ cannot be reached, or the connection was lost."""

    code = "broker_unavailable"


def list_event_queues(events: tuple[type[Event], ...] = EVENTS) -> dict[str, str]:
    """Map the queue of every consumer of every event to its routing key."""
    return {
        event.queue_for(consumer): event.routing_key() for event in events for consumer in event.consumers
    }


def list_service_queues(service: str) -> list[str]:
    """Name all queues that a service consumes: of events by contract, of jobs by its `jobs` module."""
    if find_spec(service) and find_spec(f"{service}.jobs"):
        import_module(f"{service}.jobs")
    events = [event.queue_for(service) for event in EVENTS if service in event.consumers]
    return events + [job.queue() for job in Job.__subclasses__() if job.service == service]


def dead_letter_queue(queue: str) -> str:
    """Name the queue that keeps the deliveries a consumer rejected."""
    return f"{queue}.parked"


@asynccontextmanager
async def open_channel(url: str) -> AsyncIterator[AbstractChannel]:
    """Open a connection with one channel that confirms, and that raises for messages without a queue."""
    try:
        connection = await aio_pika.connect(url, heartbeat=10, timeout=CONFIRM_TIMEOUT_SECONDS)
    except (AMQPError, OSError, TimeoutError) as error:
        raise BrokerUnavailable("RabbitMQ does not answer.") from error
    async with connection:
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        except (AMQPError, OSError, TimeoutError, ChannelInvalidStateError) as error:
            raise BrokerUnavailable("The connection to RabbitMQ was lost.") from error
        yield channel


async def declare_topology(url: str) -> None:
    """Declare the exchanges and the queues of all events. Idempotent."""
    async with open_channel(url) as channel:
        await declare_queues(channel, list_event_queues())


async def declare_queues(channel: AbstractChannel, queues: dict[str, str]) -> None:
    """Declare durable classic queues by name, each bound to its routing key. Idempotent."""
    # A rejected delivery goes through the dead-letter exchange, under its queue's name, to a queue of
    # its own, so that it is replayed to this consumer alone.
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    for name, routing_key in queues.items():
        dead_letters = await channel.declare_queue(dead_letter_queue(name), durable=True)
        await dead_letters.bind(dead, name)
        arguments: FieldTable = {
            "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
            "x-dead-letter-routing-key": name,
        }
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        await queue.bind(exchange, routing_key)


async def publish_confirmed(
    exchange: AbstractExchange, routing_key: str, body: bytes, *, message_id: str
) -> None:
    """Publish one persistent message and wait for the broker's confirm.

    Raises BrokerUnavailable, PublishError when a message with consumers reaches no queue, and DeliveryError.
    """
    message = aio_pika.Message(
        body,
        message_id=message_id,
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        type=routing_key,
    )
    mandatory = routing_key not in UNROUTED_KEYS
    try:
        await exchange.publish(message, routing_key, mandatory=mandatory, timeout=CONFIRM_TIMEOUT_SECONDS)
    except (DeliveryError, PublishError):
        raise
    except (AMQPError, OSError, TimeoutError, ChannelInvalidStateError) as error:
        raise BrokerUnavailable("The connection to RabbitMQ was lost.") from error
    except asyncio.CancelledError as error:
        # A half-open connection cancels its waiters, although their task is not being cancelled.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise BrokerUnavailable("The connection to RabbitMQ was lost.") from error


async def replay_dead_letters(url: str, queues: Iterable[str]) -> dict[str, int]:
    """Move the dead letters of the queues back to them. Returns their number by queue."""
    replayed = {}
    async with open_channel(url) as channel:
        for name in queues:
            # Declared, because the queues of jobs do not exist before the first start of their worker.
            dead_letters = await channel.declare_queue(dead_letter_queue(name), durable=True)
            waiting = dead_letters.declaration_result.message_count or 0
            replayed[name] = await _replay(channel, dead_letters, to=name, limit=waiting)
    return replayed


async def _replay(channel: AbstractChannel, dead_letters: AbstractQueue, *, to: str, limit: int) -> int:
    # What fails again meanwhile stays for the next replay.
    for moved in range(limit):
        delivery = await dead_letters.get(fail=False)
        if delivery is None:
            return moved
        message_id = delivery.message_id or ""
        await publish_confirmed(channel.default_exchange, to, delivery.body, message_id=message_id)
        # Only after the confirm: a second copy is absorbed by the inbox, a lost one would be lost.
        await delivery.ack()
    return limit
