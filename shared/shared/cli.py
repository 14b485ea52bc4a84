"""The command line of a service: `python -m <service> <command> [arguments]`."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared import logging
from shared.errors import CannotStart, Unavailable
from shared.settings import BrokerSettings, Settings

WORKER_NICENESS = 10
"""Where APIs and workers share processors, requests have priority."""

type Command = Callable[[list[str]], object]


def main(service: str, extra: Mapping[str, str] | None = None) -> None:
    """Run the command that the process was started with.

    Services with an API, a worker or tables get `api`, `worker`, `replay-dead-letters`, `migrate` and
    `wait-for-schema`. `extra` adds commands as "module:function". A command imports only the modules it runs.
    """
    commands = _build_standard_commands(service)
    commands |= {name: _import_lazily(target) for name, target in (extra or {}).items()}
    run(service, commands)


def run(program: str, commands: Mapping[str, Command]) -> None:
    """Run one of the commands. Missing or invalid settings end the process with a message naming them."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.exit(f"usage: python -m {program} {{{','.join(commands)}}}")
    try:
        logging.configure(Settings().log_level, service=program, process=name)
        commands[name](sys.argv[2:])
    except ValidationError as error:
        # Values are omitted from the message, because one of them may be a secret.
        sys.exit("\n".join(f"{program} cannot start: {_describe(violation)}" for violation in error.errors()))
    except CannotStart as error:
        sys.exit(f"{program} cannot start: {error}")
    except Unavailable as error:
        # Only commands end here. APIs and workers wait until their servers are back.
        remedy = "Start the server, or correct its address in the environment, then repeat the command."
        sys.exit(f"{program} {name} failed: {error.detail} {remedy}")


def _describe(error: ErrorDetails) -> str:
    name, message = ".".join(map(str, error["loc"])).upper(), error["msg"].removeprefix("Value error, ")
    # Checks of several variables name them in their message.
    if not name:
        return message
    return f"{name} {message}" if error["type"] == "value_error" else f"{name}: {message}"


def _build_standard_commands(service: str) -> dict[str, Command]:
    commands: dict[str, Command] = {
        "api": lambda _: _serve(service, "app:create_app", _load_settings(service, "ApiSettings"))
    }
    if find_spec(f"{service}.worker"):
        commands["worker"] = lambda _: _run_worker(service)
        commands["replay-dead-letters"] = lambda _: _replay_dead_letters(service)
    if _has_tables(service):
        commands["migrate"] = lambda _: _migrate(service)
        commands["wait-for-schema"] = lambda _: _wait_for_schema(service)
    return commands


def _has_tables(service: str) -> bool:
    # A service with tables but without migrations reports that its image is incomplete.
    return bool(find_spec(f"{service}.migrations") or find_spec(f"{service}.models"))


def _import_lazily(target: str) -> Command:
    return lambda arguments: _load(target)(arguments)


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _load_settings(service: str, name: str) -> Any:
    return _load(f"{service}.settings:{name}")()


def _serve(service: str, factory: str, settings: Any) -> None:
    from shared.http.server import serve

    if _has_tables(service):
        from shared.data.schema import ensure_current

        ensure_current(service, settings.database_url.get_secret_value())
    serve(_load(f"{service}.{factory}")(settings), settings)


def _run_worker(service: str) -> None:
    _yield_to_apis()
    _serve(service, "worker:create_worker", _load_settings(service, "WorkerSettings"))


def _yield_to_apis() -> None:
    os.nice(WORKER_NICENESS)
    if sys.platform == "linux":
        # Batch scheduling keeps a waking worker from preempting a request in progress.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _migrate(service: str) -> None:
    from shared.data.migrations import upgrade

    upgrade(service, _load_settings(service, "MigrateSettings").database_url.get_secret_value())


def _wait_for_schema(service: str) -> None:
    from shared.data.schema import wait_for_schema

    wait_for_schema(service, _load_settings(service, "MigrateSettings").database_url.get_secret_value())


def _replay_dead_letters(service: str) -> None:
    from shared.messaging.broker import list_service_queues, replay_dead_letters

    settings = BrokerSettings()
    url, queues = settings.rabbitmq_url.get_secret_value(), list_service_queues(service)
    for queue, deliveries in asyncio.run(replay_dead_letters(url, queues, settings.queue_type)).items():
        sys.stdout.write(f"{queue}: {deliveries} replayed\n")
