"""RabbitMQ: topology, publishing with confirms, and replay of dead letters."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec

import aio_pika
import structlog
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
    TimeoutType,
)
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    IncompatibleProtocolError,
    MethodNotImplemented,
    ProbableAuthenticationError,
)
from aiormq.exceptions import ChannelAccessRefused
from contracts import EVENTS, RETIRED_QUEUES, Event, RetiredQueue

from shared.data.network import is_network_error
from shared.errors import Unavailable
from shared.messaging.jobs import Job
from shared.messaging.queues import (
    DEAD_LETTER_EXCHANGE,
    dead_letter_queue,
    declare_dead_letter_queue,
    declare_queue,
    delete_if_done,
)
from shared.settings import QueueType

log = structlog.get_logger(__name__)

EXCHANGE = "parley.events"
CONNECT_TIMEOUT_SECONDS = 3.0
CONFIRM_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 1.0
REPLAY_BATCH_SIZE = 100
UNROUTED_KEYS = frozenset(event.get_routing_key() for event in EVENTS if not event.consumers)
"""Routing keys of events that have no consumer, by contract."""

REFUSALS = (
    DeliveryError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ChannelAccessRefused,
    AuthenticationError,
    ProbableAuthenticationError,
    IncompatibleProtocolError,
    MethodNotImplemented,
)
# The clients have no class for an operation on a connection or channel that is closed.
CLOSED_MESSAGES = (" closed", "not opened", "closed channel")


class BrokerUnavailable(Unavailable):
    """RabbitMQ cannot be reached, or the connection was lost."""

    code = "broker_unavailable"


def list_event_queues(events: tuple[type[Event], ...] = EVENTS) -> dict[str, str]:
    """Map the queue of every consumer of every event to its routing key."""
    return {
        event.build_queue_name(consumer): event.get_routing_key()
        for event in events
        for consumer in event.consumers
    }


def list_service_queues(service: str) -> list[str]:
    """Name all queues that a service consumes: of events by contract, of jobs by its `jobs` module."""
    if find_spec(service) and find_spec(f"{service}.jobs"):
        import_module(f"{service}.jobs")
    events = [event.build_queue_name(service) for event in EVENTS if service in event.consumers]
    return events + [job.get_queue() for job in Job.__subclasses__() if job.service == service]


def is_broker_unavailable(error: Exception) -> bool:
    """Return whether a connection was lost or not made. Permanent refusals by RabbitMQ are not outages."""
    if isinstance(error, REFUSALS):
        return False
    # aiormq fails calls waiting on a lost channel with a bare Exception.
    if isinstance(error, AMQPError | ChannelInvalidStateError) or type(error) is Exception:
        return True
    is_closed = type(error) is RuntimeError and str(error).endswith(CLOSED_MESSAGES)
    return is_closed or is_network_error(error)


@contextmanager
def translate_broker_errors() -> Iterator[None]:
    """Raise BrokerUnavailable for every way in which aio-pika reports a lost connection."""
    try:
        yield
    except Exception as error:
        if not is_broker_unavailable(error):
            raise
        raise BrokerUnavailable(f"RabbitMQ does not answer ({type(error).__name__}).") from error
    except asyncio.CancelledError as error:
        # A half-open connection cancels its waiters, although their task is not being cancelled.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise BrokerUnavailable("The connection to RabbitMQ was lost.") from error


class _Connection(aio_pika.Connection):
    # A connection that is not marked as closed tries to close itself when it is garbage-collected: too late.
    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - as the library has it
        try:
            await super().connect(timeout)
        finally:
            if self.transport is None:
                await self.close()


@asynccontextmanager
async def open_connection(url: str) -> AsyncIterator[AbstractConnection]:
    """Open a connection that does not reconnect. Raises BrokerUnavailable."""
    with translate_broker_errors():
        connection = await aio_pika.connect(
            url, heartbeat=10, timeout=CONNECT_TIMEOUT_SECONDS, connection_class=_Connection
        )
    try:
        yield connection
    finally:
        # The server may be gone and never confirm the close. Any failure is ignored.
        with suppress(Exception), translate_broker_errors():
            await asyncio.wait_for(connection.close(), CLOSE_TIMEOUT_SECONDS)
        # The transport is closed by now; this marks the connection as closed.
        with suppress(Exception):
            await connection.close()


@asynccontextmanager
async def open_channel(url: str) -> AsyncIterator[AbstractChannel]:
    """Open a connection with one channel that confirms, and that raises for messages without a queue."""
    async with open_connection(url) as connection:
        with translate_broker_errors():
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        yield channel


async def declare_topology(url: str, queue_type: QueueType) -> None:
    """Declare the exchanges and the queues of all events, and remove retired queues. Idempotent."""
    async with open_connection(url) as connection:
        with translate_broker_errors():
            channel = await connection.channel()
            await declare_queues(channel, list_event_queues(), queue_type)
        await remove_queues(connection, RETIRED_QUEUES, queue_type)


async def declare_queues(channel: AbstractChannel, queues: dict[str, str], queue_type: QueueType) -> None:
    """Declare durable queues by name, each bound to its routing key. Idempotent."""
    with translate_broker_errors():
        await _declare_queues(channel, queues, queue_type)


async def _declare_queues(channel: AbstractChannel, queues: dict[str, str], queue_type: QueueType) -> None:
    # A rejected delivery goes through the dead-letter exchange, under its queue's name, to a queue of
    # its own, so that it is replayed to this consumer alone.
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    for name, routing_key in queues.items():
        await (await declare_dead_letter_queue(channel, name, queue_type)).bind(dead, name)
        await (await declare_queue(channel, name, queue_type)).bind(exchange, routing_key)


async def remove_queues(
    connection: AbstractConnection,
    retired: Iterable[RetiredQueue],
    queue_type: QueueType,
    *,
    limit: int | None = None,
) -> None:
    """Move up to `limit` messages of each retired queue to its replacement. Delete those that stay empty."""
    for queue in retired:
        with suppress(ChannelNotFoundEntity), translate_broker_errors():
            await _remove(connection, queue, queue.name, queue.replaced_by, queue_type, limit)
        # Messages that could not be handled remain dead letters.
        parked = dead_letter_queue(queue.name), dead_letter_queue(queue.replaced_by)
        with suppress(ChannelNotFoundEntity), translate_broker_errors():
            await _remove(connection, queue, *parked, queue_type, limit)


async def _remove(
    connection: AbstractConnection,
    retired: RetiredQueue,
    name: str,
    target_queue: str,
    queue_type: QueueType,
    limit: int | None,
) -> None:
    async with connection.channel(on_return_raises=True) as channel:
        queue = await channel.declare_queue(name, passive=True)
        await declare_queues(channel, {retired.replaced_by: retired.replaced_by}, queue_type)
        await queue.unbind(EXCHANGE, retired.routing_key)
        waiting = (await channel.declare_queue(name, passive=True)).declaration_result.message_count or 0
        moved_count = await _replay(
            channel, queue, target_queue=target_queue, limit=min(waiting, limit or waiting)
        )
        log.info("retired_queue_emptied", queue=name, moved=moved_count)
        await delete_if_done(channel, name, queue_type)


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
    with translate_broker_errors():
        await exchange.publish(message, routing_key, mandatory=mandatory, timeout=CONFIRM_TIMEOUT_SECONDS)


async def replay_dead_letters(url: str, queues: Iterable[str], queue_type: QueueType) -> dict[str, int]:
    """Move the dead letters of the queues back to them. Returns their number by queue."""
    replayed = {}
    async with open_channel(url) as channel:
        for name in queues:
            # Declared, because the queues of jobs do not exist before the first start of their worker.
            dead_letters = await declare_dead_letter_queue(channel, name, queue_type)
            waiting = dead_letters.declaration_result.message_count or 0
            replayed[name] = await _replay(channel, dead_letters, target_queue=name, limit=waiting)
    return replayed


async def _replay(
    channel: AbstractChannel, dead_letters: AbstractQueue, *, target_queue: str, limit: int
) -> int:
    # Messages that fail again during the replay stay for the next one.
    moved_count = 0
    while moved_count < limit:
        size = min(limit - moved_count, REPLAY_BATCH_SIZE)
        deliveries = [
            delivery for _ in range(size) if (delivery := await dead_letters.get(fail=False)) is not None
        ]
        await asyncio.gather(
            *(_move(channel, delivery, target_queue=target_queue) for delivery in deliveries)
        )
        moved_count += len(deliveries)
        if len(deliveries) < size:
            break
    return moved_count


async def _move(channel: AbstractChannel, delivery: AbstractIncomingMessage, *, target_queue: str) -> None:
    message_id = delivery.message_id or ""
    await publish_confirmed(channel.default_exchange, target_queue, delivery.body, message_id=message_id)
    # Acknowledged after the confirm: the inbox recognises duplicates, but nothing recovers a lost message.
    await delivery.ack()
