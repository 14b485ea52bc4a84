"""`python -m shared`: one-time commands for a new installation, before any traffic.

`topology` declares the exchanges and queues of all events, `new-keys` makes the keys of tokens and receipts.
"""

import sys
from pathlib import Path

from shared.cli import run
from shared.settings import BrokerSettings, Settings


def _declare_topology(_: list[str]) -> None:
    import asyncio

    from shared.messaging.broker import declare_topology

    settings = BrokerSettings()
    asyncio.run(declare_topology(settings.rabbitmq_url.get_secret_value(), settings.queue_type))


def _create_keys(arguments: list[str]) -> None:
    from shared.security.key_files import write_new_keys

    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.exit("usage: python -m shared new-keys <an existing folder>")
    write_new_keys(Path(arguments[0]), is_development=Settings().is_development)


run("shared", {"topology": _declare_topology, "new-keys": _create_keys})
