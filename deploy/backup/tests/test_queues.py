"""Counts include messages that a worker has received but not acknowledged."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import aio_pika
import pytest
from shared.messaging.broker import declare_topology

from deploy.backup.create import create
from deploy.backup.errors import BackupFailed
from deploy.backup.manifest import Manifest
from deploy.backup.queues import ManagementApi, Queues, RabbitmqCtl
from deploy.backup.restore import restore
from deploy.backup.snapshot import Options
from deploy.backup.tests.filling import MakeSystem
from deploy.local import ports as port_plan
from deploy.local import privileges
from deploy.local.processes import Run
from deploy.local.servers import Addresses, Credentials, build_addresses
from deploy.local.servers.rabbitmq import create_epmd, create_rabbitmq

pytestmark = pytest.mark.long

QUEUE = "content.on.session_completed"


@dataclass
class Broker:
    """A broker with the management plugin, as images have it."""

    addresses: Addresses
    management_port: int

    @property
    def management_url(self) -> str:
        login = self.addresses.rabbitmq_url.removeprefix("amqp://").rpartition("@")[0]
        return f"http://{login}@127.0.0.1:{self.management_port}"

    def create_counters(self) -> list[Queues]:
        return [RabbitmqCtl(self.addresses.rabbitmqctl), ManagementApi(self.management_url)]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="parley-broker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        ports, credentials = port_plan.assign_ports(port_plan.choose_free_block()), Credentials.generate()
        data, run = folder / "data", Run(folder)
        server = create_rabbitmq(run, data / "rabbitmq", ports=ports, password=credentials.rabbitmq)
        prepare = server.prepare

        def prepare_with_plugin() -> None:
            prepare()
            privileges.write(data / "rabbitmq" / "enabled_plugins", "[rabbitmq_management].\n")
            with (data / "rabbitmq" / "rabbitmq.conf").open("a") as file:
                file.write(f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {ports['recordings']}\n")

        server.prepare = prepare_with_plugin
        try:
            create_epmd(run, data / "epmd", port=ports["epmd"]).start()
            server.start()
            addresses = build_addresses(data, ports=ports, credentials=credentials)
            yield Broker(addresses, ports["recordings"])
        finally:
            run.close()


async def test_unacknowledged_deliveries_are_counted_until_they_are_acknowledged(
    broker: Broker, make_system: MakeSystem, tmp_path: Path
) -> None:
    url = f"{broker.addresses.rabbitmq_url}/"
    await declare_topology(url, "classic")
    system, target = await make_system(), await make_system()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for key in (QUEUE, f"{QUEUE}.parked", "of.another.system"):
            await channel.declare_queue(key, passive=key.startswith(QUEUE), durable=True)
            await channel.default_exchange.publish(aio_pika.Message(b"{}"), key)
        delivery = await (await channel.get_queue(QUEUE)).get()
        by_command, by_api = broker.create_counters()
        options = Options(wait_seconds=0)
        with pytest.raises(
            BackupFailed, match=rf"not finished these messages within 0 s: {QUEUE} \(1\)\. Nothing"
        ):
            await create(replace(system, queues=by_command), tmp_path, report=print, options=options)
        ignoring = Options(ignored_queues=frozenset({QUEUE}))
        partial = await create(replace(system, queues=by_command), tmp_path, report=print, options=ignoring)
        assert Manifest.read(partial).waiting == {QUEUE: 1}
        reported = {QUEUE: 1, f"{QUEUE}.parked": 1}
        while not reported.items() <= (await asyncio.to_thread(by_api.count)).items():  # noqa: ASYNC110 - the broker's report
            await asyncio.sleep(0.2)
        await delivery.ack()
        backup = await create(replace(system, queues=by_api), tmp_path, report=print)
        assert Manifest.read(backup).dead_letters == {f"{QUEUE}.parked": 1}
        for queues in (by_command, by_api):
            with pytest.raises(BackupFailed, match="RabbitMQ has messages of another system"):
                await restore(replace(target, queues=queues), backup, report=print)


@pytest.mark.parametrize(
    ("user", "port", "message"),
    [("nobody:wrong", None, "answered 401"), ("a:b", 1, r"does not answer at http://127\.0\.0\.1:1")],
)
async def test_a_management_api_that_fails_is_named(
    broker: Broker, user: str, port: int | None, message: str
) -> None:
    api = ManagementApi(f"http://{user}@127.0.0.1:{port or broker.management_port}")
    with pytest.raises(BackupFailed, match=message):
        await asyncio.to_thread(api.count)
