"""Backups of the embedded run: `python -m deploy.local.backup create|restore FOLDER`."""

import argparse
import asyncio
import shutil
import sys
from pathlib import Path

from deploy.backup.create import create
from deploy.backup.environment import read_options, to_libpq
from deploy.backup.errors import BackupFailed
from deploy.backup.manifest import Manifest
from deploy.backup.queues import RabbitmqCtl
from deploy.backup.restore import restore
from deploy.backup.system import Bucket, System
from deploy.backup.terminal import run_command, say, summarize
from deploy.local import databases, lock, ports, privileges, servers
from deploy.local.__main__ import FOLDER
from deploy.local.once import Once
from deploy.local.plan import BUCKET, Plan
from deploy.local.processes import Run, RunFailed
from deploy.local.servers.postgres import BINARIES
from deploy.local.vault import Vault
from deploy.services import DATABASE_OWNERS, SEED, SERVICES

DRAFT = "restoring"


def create_backup(folder: Path, target: Path) -> Path:
    """Back up the running system of a folder. Raises BackupFailed, and RunFailed when nothing runs."""
    plan = make_plan(folder, folder / "data", port=lock.get_port(folder))
    system = describe_system(plan, is_running=True)
    return asyncio.run(create(system, target, report=say, options=read_options()))


def restore_backup(folder: Path, source: Path) -> Manifest:
    """Restore into a folder without data, atomically. Raises BackupFailed or RunFailed."""
    port = ports.choose_free_block()
    with lock.hold(folder, port=port) as descriptor:
        if (folder / "data").exists():
            raise BackupFailed(
                f"{folder}/data has the data of a system: restore in another clone, or move it away."
            )
        draft = folder / DRAFT
        # Left by a process that was killed.
        shutil.rmtree(draft, ignore_errors=True)
        try:
            manifest = _restore(Run(folder, lock=descriptor), draft, source, port=port)
            draft.rename(folder / "data")
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _restore(run: Run, draft: Path, source: Path, *, port: int) -> Manifest:
    try:
        plan = make_plan(run.folder, draft, port=port)
        created = servers.make(run, draft, ports=plan.ports, credentials=plan.vault.servers)
        for name in ("postgres", "s3"):
            created[name].start()
        password = plan.vault.servers.postgres
        databases.create(plan.vault.roles, port=plan.ports["postgres"], password=password)
        privileges.take_ownership(draft / "s3" / BUCKET)
        manifest = asyncio.run(restore(describe_system(plan, is_running=False), source, report=say))
        once = Once(run, draft / "done", report=say)
        for service in SERVICES:
            if service.seed:
                # The seed's data is in the backup, unless an editor has deleted it.
                once.record(plan.build_seed(service), inputs=[SEED])
        return manifest
    finally:
        run.close()


def make_plan(folder: Path, data: Path, *, port: int) -> Plan:
    vault, block = Vault.open(folder / "secrets"), ports.assign_ports(port)
    addresses = servers.build_addresses(data, ports=block, credentials=vault.servers)
    return Plan(
        addresses=addresses,
        ports=block,
        vault=vault,
        email_folder=folder / "mail",
        home_folder=data / "homes",
    )


def describe_system(plan: Plan, *, is_running: bool) -> System:
    addresses = plan.addresses
    urls = {
        service.name: plan.build_migration(service).environment["DATABASE_URL"] for service in DATABASE_OWNERS
    }
    return System(
        databases={service: to_libpq(url) for service, url in urls.items()},
        bucket=Bucket(
            endpoint=addresses.s3_endpoint,
            access_key=addresses.s3_access_key,
            secret_key=addresses.s3_secret_key,
            name=BUCKET,
        ),
        # A restored system gets a new broker.
        queues=RabbitmqCtl(addresses.rabbitmqctl) if is_running else None,
        programs=BINARIES,
    )


def main() -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.backup", description=__doc__)
    parser.add_argument("command", choices=("create", "restore"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    return run_command(lambda: _run(arguments.command, arguments.folder))


def _run(command: str, folder: Path) -> None:
    try:
        if command == "create":
            backup = create_backup(FOLDER, folder)
            say(summarize(Manifest.read(backup), backup))
        else:
            manifest = restore_backup(FOLDER, folder)
            say(f"Restored as of {manifest.taken_at}. Start the system with `make run`.")
    except RunFailed as failure:
        raise BackupFailed(str(failure)) from failure


if __name__ == "__main__":
    sys.exit(main())
