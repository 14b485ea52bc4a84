"""A consumer's queue and its dead-letter queue, with their RabbitMQ arguments."""

import asyncio
from contextlib import suppress

import structlog
from aio_pika.abc import AbstractChannel, AbstractQueue
from aio_pika.exceptions import ChannelPreconditionFailed
from aiormq.abc import FieldTable

from shared.errors import CannotStart
from shared.settings import QueueType

log = structlog.get_logger(__name__)

DEAD_LETTER_EXCHANGE = "parley.dead"
MAX_DELIVERIES = 20
"""A message becomes a dead letter after this many workers ended or lost their connection while handling it.
"""
MAX_DEAD_LETTER_DELIVERIES = 1_000_000
"""RabbitMQ 4 would drop a dead letter after 20 interrupted replays."""


SETTLE_CHECKS, SETTLE_SECONDS = 10, 0.1
"""A quorum queue briefly counts messages that were just acknowledged."""


class QueuesDiffer(CannotStart):
    """RabbitMQ has a queue of this name with other arguments."""


def dead_letter_queue(queue: str) -> str:
    """Name the dead-letter queue of a consumer's queue."""
    return f"{queue}.parked"


async def declare_queue(channel: AbstractChannel, name: str, queue_type: QueueType) -> AbstractQueue:
    """Declare the queue of a consumer. Raises QueuesDiffer."""
    arguments: FieldTable = {
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": name,
    }
    if queue_type == "quorum":
        # A dead letter stays in its queue until the dead-letter queue has it. RabbitMQ requires this overflow
        # setting.
        arguments |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
        arguments |= _limit_deliveries(MAX_DELIVERIES)
    return await _declare(channel, name, queue_type, arguments)


async def declare_dead_letter_queue(
    channel: AbstractChannel, name: str, queue_type: QueueType
) -> AbstractQueue:
    """Declare the queue for the dead letters of a consumer's queue. Raises QueuesDiffer."""
    limit = _limit_deliveries(MAX_DEAD_LETTER_DELIVERIES) if queue_type == "quorum" else {}
    return await _declare(channel, dead_letter_queue(name), queue_type, limit)


def _limit_deliveries(limit: int) -> FieldTable:
    return {"x-queue-type": "quorum", "x-delivery-limit": limit}


async def _declare(
    channel: AbstractChannel, name: str, queue_type: QueueType, arguments: FieldTable
) -> AbstractQueue:
    try:
        return await channel.declare_queue(name, durable=True, arguments=arguments)
    except ChannelPreconditionFailed as error:
        log.error("queue_declaration_mismatch", queue=name, queue_type=queue_type)
        raise QueuesDiffer(
            f"RabbitMQ has the queue {name} in another form than QUEUE_TYPE={queue_type} declares. "
            'Set QUEUE_TYPE back, or replace the queues as in "Quorum queues" of docs/operations.md.'
        ) from error


async def delete_if_done(channel: AbstractChannel, name: str, queue_type: QueueType) -> None:
    """Delete a queue unless it has messages or consumers, such as workers of an earlier version."""
    if queue_type == "classic":
        with suppress(ChannelPreconditionFailed):
            await channel.queue_delete(name, if_unused=True, if_empty=True)
        return
    # RabbitMQ cannot check while it deletes a quorum queue. No exchange delivers to this one any more.
    for _ in range(SETTLE_CHECKS):
        declaration = (await channel.declare_queue(name, passive=True)).declaration_result
        if not declaration.message_count and not declaration.consumer_count:
            await channel.queue_delete(name)
            return
        await asyncio.sleep(SETTLE_SECONDS)
