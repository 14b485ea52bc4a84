import asyncio

import pytest
from aio_pika.exceptions import (
    AMQPConnectionError,
    AuthenticationError,
    ChannelClosed,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    DeliveryError,
    IncompatibleProtocolError,
    InvalidFrameError,
    MethodNotImplemented,
    ProbableAuthenticationError,
)
from aiormq.exceptions import (
    ChannelAccessRefused,
    ConnectionInternalError,
    ConnectionNotAllowed,
    ConnectionResourceError,
)
from pamqp import commands as spec
from shared.messaging.broker import BrokerUnavailable, translate_broker_errors


@pytest.mark.parametrize(
    "error",
    [
        AMQPConnectionError(),
        ConnectionClosed(320, "shutdown"),
        ConnectionInternalError(541, "internal error"),
        # Also while a virtual host is started.
        ConnectionNotAllowed(530, "vhost '/' is down"),
        ConnectionResourceError(506, "no more channels"),
        InvalidFrameError("cut off"),
        ChannelClosed(None, None),
        ChannelInvalidStateError(),
        ConnectionResetError(),
        asyncio.IncompleteReadError(b"", 7),
        TimeoutError(),
        RuntimeError("<Connection: 'amqp://'> closed"),
        RuntimeError("Connection was not opened"),
        RuntimeError("Can't initialize closed channel"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
        Exception(),
        asyncio.CancelledError(),
    ],
    ids=repr,
)
async def test_every_lost_connection_is_raised_as_broker_unavailable(error: BaseException) -> None:
    with pytest.raises(BrokerUnavailable), translate_broker_errors():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        RuntimeError("Already initialized"),
        NotImplementedError(),
        DeliveryError(None, spec.Basic.Nack()),
        ChannelAccessRefused(403, "write access refused"),
        ChannelNotFoundEntity(404, "no queue"),
        ChannelPreconditionFailed(406, "inequivalent arg"),
        AuthenticationError("no such user"),
        ProbableAuthenticationError("ACCESS_REFUSED"),
        IncompatibleProtocolError("not AMQP 0-9-1"),
        MethodNotImplemented(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_refusals_and_faults_are_not_outages(error: Exception) -> None:
    with pytest.raises(type(error)), translate_broker_errors():
        raise error


async def test_a_cancellation_is_not_swallowed() -> None:
    async def wait() -> None:
        with translate_broker_errors():
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
