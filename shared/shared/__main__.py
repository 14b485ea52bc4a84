"""`python -m shared topology`: declare the exchanges and queues of all events, before any traffic."""

import asyncio

from shared.cli import run
from shared.messaging.broker import declare_topology
from shared.settings import BrokerSettings


def _topology(_: list[str]) -> None:
    settings = BrokerSettings()
    asyncio.run(declare_topology(settings.rabbitmq_url.get_secret_value(), settings.queue_type))


run("shared", {"topology": _topology})
