"""The consumers of a worker: one connection, replaced as a whole when it or one of its consumers ends."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import cast

import aiormq
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from contracts import RETIRED_QUEUES

from shared import stopping
from shared.background import Loop
from shared.messaging.broker import (
    BrokerUnavailable,
    declare_queues,
    open_connection,
    remove_queues,
    translate_broker_errors,
)
from shared.messaging.deliveries import Receiver
from shared.messaging.jobs import PREFETCH
from shared.settings import QueueType

log = structlog.get_logger(__name__)

CHECK_SECONDS = 0.5
START_TIMEOUT_SECONDS = 10.0
MAX_RETRY_SECONDS = 1.0
MAX_MOVED_PER_START = 500
"""Messages moved per retired queue. Consumers must not wait long; the topology step moves all."""


class Consumers:
    """A receiver for each declared queue. Queues of jobs are declared here, by their names."""

    def __init__(
        self,
        url: str,
        receivers: Mapping[str, Receiver],
        *,
        job_queues: Collection[str] = (),
        prefetch: Mapping[str, int] | None = None,
        queue_type: QueueType = "classic",
    ) -> None:
        self._url, self._receivers = url, receivers
        self._job_queues, self._queue_type = job_queues, queue_type
        self._prefetch = prefetch or {}
        self._open = AsyncExitStack()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._queues_by_tag: dict[str, str] = {}
        self._in_work: set[asyncio.Task[None]] = set()
        self.loop = Loop(
            name="consumers",
            work=self.ensure_running,
            interval_seconds=CHECK_SECONDS,
            max_retry_seconds=MAX_RETRY_SECONDS,
        )

    async def ensure_running(self) -> None:
        """Start the consumers unless all of them run. Raises BrokerUnavailable."""
        if not await self._are_running():
            await self._disconnect()
            try:
                await self._start()
            except BaseException:
                await self._disconnect()
                raise

    async def ping(self) -> None:
        """Raise BrokerUnavailable unless this process consumes every queue and RabbitMQ responds."""
        if self._connection is None or not await self._are_running():
            raise BrokerUnavailable("The consumers are not running.")
        # A separate channel, because naming a missing queue closes it.
        with translate_broker_errors():
            async with self._connection.channel(publisher_confirms=False) as probe:
                for name in self._receivers:
                    await probe.declare_queue(name, passive=True)

    async def stop(self) -> None:
        """Stop taking deliveries, and let running ones finish, for a limited time."""
        with suppress(BrokerUnavailable), translate_broker_errors():
            async with asyncio.timeout(stopping.MAX_WORK_SECONDS):
                await self._cancel_consumers()
                if self._in_work:
                    await asyncio.wait(self._in_work)
        await self._disconnect()
        # Remaining deliveries have been cancelled, and finish their records in the database.
        if self._in_work:
            await asyncio.wait(self._in_work, timeout=stopping.MAX_ABORT_SECONDS)

    async def _are_running(self) -> bool:
        if self._channel is None or self._channel.is_closed:
            return False
        # RabbitMQ ends a consumer whose queue is deleted, and leaves its channel open.
        channel = cast(aiormq.Channel, await self._channel.get_underlay_channel())
        return self._queues_by_tag.keys() <= channel.consumers.keys()

    async def _start(self) -> None:
        with translate_broker_errors():
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                self._connection = await self._open.enter_async_context(open_connection(self._url))
                async with self._connection.channel() as declaring:
                    jobs = {queue: queue for queue in self._job_queues}
                    await declare_queues(declaring, jobs, self._queue_type)
                own_retired_queues = [
                    queue for queue in RETIRED_QUEUES if queue.replaced_by in self._job_queues
                ]
                await remove_queues(
                    self._connection, own_retired_queues, self._queue_type, limit=MAX_MOVED_PER_START
                )
                channel = await self._connection.channel(publisher_confirms=False)
                for name, receive in self._receivers.items():
                    # RabbitMQ applies the limit to consumers that start after this call.
                    await channel.set_qos(prefetch_count=self._prefetch.get(name, PREFETCH))
                    queue = await channel.get_queue(name, ensure=False)
                    self._queues_by_tag[await queue.consume(partial(self._deliver, receive))] = name
        # A closed channel starts the next pass immediately, not after the interval.
        channel.close_callbacks.add(lambda *_: self.loop.wake_up.set())
        self._channel = channel
        log.info("consumers_started", queues=len(self._receivers))

    async def _disconnect(self) -> None:
        stack, self._open = self._open, AsyncExitStack()
        self._connection, self._channel, self._queues_by_tag = None, None, {}
        await stack.aclose()

    async def _cancel_consumers(self) -> None:
        if self._channel is not None:
            for tag, name in self._queues_by_tag.items():
                await (await self._channel.get_queue(name, ensure=False)).cancel(tag)

    async def _deliver(self, receive: Receiver, message: AbstractIncomingMessage) -> None:
        if (task := asyncio.current_task()) is None:
            return
        self._in_work.add(task)
        task.add_done_callback(self._in_work.discard)
        try:
            await receive(message.body, bool(message.redelivered))
        except (Exception, asyncio.CancelledError):
            # If this task is being cancelled, the connection is lost.
            if task.cancelling():
                raise
            settle = message.reject(requeue=False)
        else:
            settle = message.ack()
        # Without a connection the message is delivered again, and the inbox recognises it.
        with suppress(BrokerUnavailable), translate_broker_errors():
            await settle
