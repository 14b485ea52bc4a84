"""Commands on the broker: `python -m shared topology` before traffic, `replay-dead` after a mend."""

import asyncio
import sys

from pydantic import SecretStr

from shared.cli import main
from shared.messaging.broker import declare_topology, replay_dead
from shared.settings import Settings


class BrokerSettings(Settings):
    """All these commands need."""

    rabbitmq_url: SecretStr


def _topology(_: list[str]) -> None:
    asyncio.run(declare_topology(BrokerSettings().rabbitmq_url.get_secret_value()))


def _replay_dead(_: list[str]) -> None:
    replayed = asyncio.run(replay_dead(BrokerSettings().rabbitmq_url.get_secret_value()))
    for queue, deliveries in replayed.items():
        sys.stdout.write(f"{queue}: {deliveries} replayed\n")


main("shared", {"topology": _topology, "replay-dead": _replay_dead})
