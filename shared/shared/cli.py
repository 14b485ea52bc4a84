"""The command line of a service: `python -m <service> <command> [arguments]`."""

import sys
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from shared import logging
from shared.settings import Settings


def main(service: str, commands: Mapping[str, Callable[[list[str]], None]]) -> None:
    """Run the command that the process was started with: `python -m <service> <command> [arguments]`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.exit(f"usage: python -m {service} {{{','.join(commands)}}}")
    try:
        logging.configure(Settings().log_level, service=service, process=name)
        commands[name](sys.argv[2:])
    except ValidationError as error:
        # Settings that are missing or wrong, by the names of their variables; never with their values.
        wrong = (f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
        sys.exit(f"{service} cannot start: {'; '.join(wrong)}")
