"""RabbitMQ as a private node with its own name, cookie, data and port mapper, all on loopback."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.local import privileges
from deploy.local.processes import Program, Run, RunFailed
from deploy.local.servers.addresses import RABBITMQ_USER
from deploy.local.servers.server import Server, send_probe

# Debian's wrappers in /usr/sbin require the package's account and data, so the wrapped commands are used.
FOLDERS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


def create_epmd(run: Run, data: Path, *, port: int) -> Server:
    """Return the port mapper that RabbitMQ registers with. It is private, so that it ends with the run."""
    program = Program(
        name="epmd",
        command=(_find_program("epmd"), "-port", str(port), "-address", "127.0.0.1"),
        environment={"PATH": _build_path(), "HOME": str(data)},
        unprivileged=True,
    )
    # The response to a request for the list of names starts with the mapper's own port.
    return Server(
        run=run,
        program=program,
        prepare=lambda: privileges.take_ownership(data),
        is_responding=lambda: send_probe(port, b"\x00\x01n")[:4] == port.to_bytes(4),
    )


def create_rabbitmq(run: Run, data: Path, *, ports: Mapping[str, int], password: str) -> Server:
    """Return the broker. Its port mapper must be running."""
    program = Program(
        name="rabbitmq",
        command=(_find_program("rabbitmq-server"),),
        environment=build_environment(data, ports=ports),
        unprivileged=True,
    )
    return Server(
        run=run,
        program=program,
        prepare=lambda: _configure(data, password=password),
        is_responding=lambda: send_probe(ports["rabbitmq"], PROTOCOL_HEADER).startswith(b"\x01\x00\x00"),
    )


def build_environment(data: Path, *, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the environment that makes `rabbitmq-server` and `rabbitmqctl` use this node only."""
    return {
        "PATH": _build_path(),
        "HOME": str(data),
        "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": "parley@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["rabbitmq"]),
        "RABBITMQ_DIST_PORT": str(ports["rabbitmq-distribution"]),
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +A 8"
        ),
        "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # The script then executes the broker instead of waiting for it in a shell.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def build_control_command(data: Path, *, ports: Mapping[str, int]) -> tuple[str, ...]:
    """Return the first words of a command line that administers this node."""
    variables = (f"{name}={value}" for name, value in build_environment(data, ports=ports).items())
    return ("env", "-i", *variables, str(_find_program("rabbitmqctl")), "--quiet")


def _configure(data: Path, *, password: str) -> None:
    privileges.take_ownership(data)
    privileges.write(data / "enabled_plugins", "[].\n")
    lines = [f"default_user = {RABBITMQ_USER}", f"default_pass = {password}", "loopback_users = none"]
    lines += ["log.file = false", "log.console = true", "log.console.level = info"]
    privileges.write(data / "rabbitmq.conf", "\n".join(lines) + "\n")


def _find_program(command: str) -> Path:
    if (path := shutil.which(command, path=_build_path())) is None:
        raise RunFailed(f"{command} is missing: `apt-get install rabbitmq-server`, `brew install rabbitmq`")
    return Path(path)


def _build_path() -> str:
    return os.pathsep.join((*FOLDERS, os.environ["PATH"], "/opt/homebrew/bin", "/usr/local/bin"))
