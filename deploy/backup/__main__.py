"""`python -m deploy.backup create|restore|verify FOLDER`, with the deployment's addresses in the environment.

`create` makes a new folder in FOLDER; the others take an existing backup. docs/operations.md lists the
variables.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from deploy.backup.create import create
from deploy.backup.environment import read_options, read_system
from deploy.backup.manifest import Manifest, verify
from deploy.backup.restore import restore
from deploy.backup.terminal import run_command, say, summarize

NEXT_STEPS = "Now run the migrations of all services, then `python -m shared topology`, and start the system."


def _create(folder: Path) -> None:
    backup = asyncio.run(create(read_system(), folder, report=say, options=read_options()))
    say(summarize(Manifest.read(backup), backup))


def _restore(folder: Path) -> None:
    manifest = asyncio.run(restore(read_system(), folder, report=say))
    say(f"The system is restored as of {manifest.taken_at}. {NEXT_STEPS}")


def _verify(folder: Path) -> None:
    manifest, _ = verify(folder)
    say(summarize(manifest, folder))


COMMANDS = {"create": _create, "restore": _restore, "verify": _verify}


def main() -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    return run_command(lambda: COMMANDS[arguments.command](arguments.folder))


if __name__ == "__main__":
    sys.exit(main())
