"""RabbitMQ: the topology, the one place that publishes, and the way back from the parking queues."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError
from aiormq.abc import FieldTable
from contracts import EVENTS, Event

from shared.errors import Unavailable

log = structlog.get_logger(__name__)

EXCHANGE = "parley.events"
DEAD_LETTERS = "parley.dead"
CONFIRM_SECONDS = 5.0
UNHEARD = frozenset(event.routing_key() for event in EVENTS if not event.consumers)
"""Routing keys that nobody has a queue for, by contract."""


class BrokerDown(Unavailable):
    """RabbitMQ cannot be reached, or the connection to it was lost."""

    code = "broker_unavailable"


def queues(events: tuple[type[Event], ...] = EVENTS) -> dict[str, str]:
    """Queue name to routing key, for every consumer of every event."""
    return {event.queue_of(consumer): event.routing_key() for event in events for consumer in event.consumers}


def parking_queue(queue: str) -> str:
    """Where the deliveries wait that a consumer could not handle."""
    return f"{queue}.parked"


@asynccontextmanager
async def channel_to(url: str) -> AsyncIterator[AbstractChannel]:
    """A connection of its own, with publisher confirms and an error for what no queue takes."""
    try:
        connection = await aio_pika.connect(url, heartbeat=10, timeout=CONFIRM_SECONDS)
    except (AMQPError, OSError, TimeoutError) as error:
        raise BrokerDown("RabbitMQ does not answer.") from error
    async with connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def declare_topology(url: str) -> None:
    """Declare exchanges, queues and bindings. Doing it again changes nothing.

    A queue is classic and durable; what its consumer rejects goes through the dead-letter exchange, under the
    queue's name, to a parking queue, so that one consumer's failure is replayed to that consumer alone.
    """
    async with channel_to(url) as channel:
        events = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_exchange(DEAD_LETTERS, aio_pika.ExchangeType.DIRECT, durable=True)
        for name, routing_key in queues().items():
            parked = await channel.declare_queue(parking_queue(name), durable=True)
            await parked.bind(dead, name)
            dead_letters: FieldTable = {
                "x-dead-letter-exchange": DEAD_LETTERS,
                "x-dead-letter-routing-key": name,
            }
            queue = await channel.declare_queue(name, durable=True, arguments=dead_letters)
            await queue.bind(events, routing_key)


async def send(exchange: AbstractExchange, routing_key: str, body: bytes, *, message_id: str) -> None:
    """Publish one event, persistent, and return when the broker has confirmed it.

    An event that has consumers must reach a queue. Raises BrokerDown when the connection is lost,
    PublishError when no queue takes the event, DeliveryError when the broker refuses it.
    """
    message = aio_pika.Message(
        body,
        message_id=message_id,
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        type=routing_key,
    )
    mandatory = routing_key not in UNHEARD
    try:
        await exchange.publish(message, routing_key, mandatory=mandatory, timeout=CONFIRM_SECONDS)
    except (DeliveryError, PublishError):
        raise
    except (AMQPError, OSError, TimeoutError, ChannelInvalidStateError) as error:
        raise BrokerDown("The connection to RabbitMQ was lost.") from error
    except asyncio.CancelledError as error:
        # A connection that dies half-open cancels its waiters; only a cancelled task is really cancelled.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise BrokerDown("The connection to RabbitMQ was lost.") from error


async def replay_dead(url: str) -> dict[str, int]:
    """Move every parked delivery back to the queue it came from. Replayed deliveries by queue.

    A delivery leaves the parking queue only after the broker has confirmed its copy; the inbox makes a copy
    too many harmless. Deliveries that fail again while this runs are left for the next time.
    """
    replayed = {}
    async with channel_to(url) as channel:
        for name in queues():
            parked = await channel.get_queue(parking_queue(name))
            waiting = parked.declaration_result.message_count or 0
            replayed[name] = await _replay(channel, parked, to=name, most=waiting)
    return replayed


async def _replay(channel: AbstractChannel, parked: AbstractQueue, *, to: str, most: int) -> int:
    for moved in range(most):
        delivery = await parked.get(fail=False)
        if delivery is None:
            return moved
        await send(channel.default_exchange, to, delivery.body, message_id=delivery.message_id or "")
        await delivery.ack()
    return most
