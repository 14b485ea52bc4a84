"""The commands of the embedded run: `python -m deploy.local run|stop|memory|replay-dead`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

from deploy.local import lock, memory, ports, servers
from deploy.local.plan import OWNERS, Plan
from deploy.local.processes import ROOT, Failed
from deploy.local.supervisor import Supervisor
from deploy.local.vault import Vault

FOLDER = ROOT / ".local"


def run() -> int:
    """Run the system in the foreground until it is told to end."""
    return Supervisor(FOLDER, port=int(os.environ.get("PORT", "8000"))).run()


def stop() -> int:
    """End the run of this clone, from anywhere."""
    lock.stop(FOLDER)
    return 0


def show_memory() -> int:
    """Print what the processes of the run of this clone take."""
    lock.port(FOLDER)
    print(memory.table(FOLDER))
    return 0


def replay_dead() -> int:
    """Put parked messages back into their queues."""
    vault, block = Vault.open(FOLDER / "secrets", services=OWNERS), ports.block(lock.port(FOLDER))
    addresses = servers.addresses(FOLDER / "data", ports=block, credentials=vault.servers)
    program = Plan(addresses=addresses, ports=block, vault=vault).broker("replay-dead")
    return subprocess.run(program.command, env=program.environment, check=False).returncode


COMMANDS: dict[str, Callable[[], int]] = {
    "run": run,
    "stop": stop,
    "memory": show_memory,
    "replay-dead": replay_dead,
}


def main() -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        return COMMANDS[parser.parse_args().command]()
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
