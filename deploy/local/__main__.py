"""The commands of the embedded run: `python -m deploy.local run|stop|demo|demo-import|memory|replay-dead`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local import lock, memory, ports, running_system, servers
from deploy.local.plan import Plan
from deploy.local.processes import ROOT, RunFailed
from deploy.local.supervisor import Supervisor
from deploy.local.vault import Vault
from deploy.services import DATABASE_OWNERS

FOLDER = ROOT / ".local"


def run(folder: Path) -> int:
    """Run the system in the foreground until it is stopped."""
    return Supervisor(folder, port=int(os.environ.get("PORT", "8000"))).run()


def stop(folder: Path) -> int:
    """Stop the running system from another terminal."""
    lock.stop(folder)
    return 0


def play_demo(folder: Path) -> int:
    """Play a learner's journey against the running system."""
    from deploy.local.demo import play

    system, expected_providers = running_system.find(folder), os.environ.get("SPEECH_PROVIDER", "")
    play(
        system.url,
        email_folder=system.email_folder,
        expected_providers=expected_providers,
        invents_scores=system.invents_scores,
    )
    return 0


def play_import_demo(folder: Path) -> int:
    """Import the example into the running system, and undo it."""
    from deploy.local.import_demo import play

    play(running_system.find(folder).url)
    return 0


def show_memory(folder: Path) -> int:
    """Print the memory use of the running processes."""
    lock.get_port(folder)
    print(memory.render_table(folder))
    return 0


def replay_dead_letters(folder: Path) -> int:
    """Move the dead letters of all services back into their queues."""
    vault, block = Vault.open(folder / "secrets"), ports.assign_ports(lock.get_port(folder))
    addresses = servers.build_addresses(folder / "data", ports=block, credentials=vault.servers)
    home_folder, email_folder = folder / "data" / "homes", folder / "mail"
    plan = Plan(
        addresses=addresses, ports=block, vault=vault, email_folder=email_folder, home_folder=home_folder
    )
    programs = [plan.build_dead_letter_replay(service) for service in DATABASE_OWNERS]
    return max(
        subprocess.run(program.command, env=program.environment, check=False).returncode
        for program in programs
    )


COMMANDS: dict[str, Callable[[Path], int]] = {
    "run": run,
    "stop": stop,
    "demo": play_demo,
    "demo-import": play_import_demo,
    "memory": show_memory,
    "replay-dead": replay_dead_letters,
}


def main(arguments: Sequence[str], *, folder: Path = FOLDER) -> int:
    """Run the given command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        return COMMANDS[parser.parse_args(arguments).command](folder)
    except RunFailed as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
