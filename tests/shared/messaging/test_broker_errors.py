import asyncio

import pytest
from aio_pika.exceptions import (
    AMQPConnectionError,
    ChannelInvalidStateError,
    ConnectionClosed,
    DeliveryError,
)
from pamqp import commands as spec
from shared.messaging.broker import BrokerUnavailable, translate_broker_errors


@pytest.mark.parametrize(
    "error",
    [
        AMQPConnectionError(),
        ConnectionClosed(320, "shutdown"),
        ChannelInvalidStateError(),
        ConnectionResetError(),
        TimeoutError(),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
        Exception(),
        asyncio.CancelledError(),
    ],
    ids=repr,
)
async def test_a_lost_connection_has_one_form(error: BaseException) -> None:
    with pytest.raises(BrokerUnavailable), translate_broker_errors():
        raise error


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), DeliveryError(None, spec.Basic.Nack())],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_keep_theirs(error: Exception) -> None:
    with pytest.raises(type(error)), translate_broker_errors():
        raise error


async def test_a_task_that_is_being_cancelled_stays_so() -> None:
    async def wait() -> None:
        with translate_broker_errors():
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
