"""The addresses of a deployment, from the environment."""

import os
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from deploy.backup.errors import BackupFailed
from deploy.backup.queues import ManagementApi
from deploy.backup.snapshot import Options
from deploy.backup.system import Bucket, System
from deploy.services import DATABASE_OWNERS


def read_system(environment: Mapping[str, str] = os.environ) -> System:
    """Raises BackupFailed, which names missing variables."""
    urls = {service.name: f"{service.name.upper()}_DATABASE_URL" for service in DATABASE_OWNERS}
    storage = ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
    needed = (*urls.values(), *storage, "RABBITMQ_MANAGEMENT_URL")
    if missing := [name for name in needed if not environment.get(name)]:
        raise BackupFailed(f"These variables are not set: {', '.join(missing)}.")
    return System(
        databases={service: to_libpq(environment[name]) for service, name in urls.items()},
        bucket=Bucket(
            endpoint=environment["S3_ENDPOINT"],
            access_key=environment["S3_ACCESS_KEY"],
            secret_key=environment["S3_SECRET_KEY"],
            name=environment["S3_BUCKET"],
            region=environment.get("S3_REGION") or "us-east-1",
        ),
        queues=ManagementApi(environment["RABBITMQ_MANAGEMENT_URL"]),
    )


def read_options(environment: Mapping[str, str] = os.environ) -> Options:
    """Raises BackupFailed if a value is not a number."""
    seconds, ignored = (
        environment.get("BACKUP_WAIT_SECONDS") or "300",
        environment.get("BACKUP_IGNORED_QUEUES", ""),
    )
    if not seconds.isdecimal():
        raise BackupFailed(f"BACKUP_WAIT_SECONDS is {seconds!r}, not a number of seconds.")
    return Options(wait_seconds=float(seconds), ignored_queues=frozenset(filter(None, ignored.split(","))))


def to_libpq(url: str) -> str:
    """Convert a service's DATABASE_URL, which contains SQLAlchemy's driver and the driver's TLS parameter."""
    parts = urlsplit(url)
    scheme, names = parts.scheme.partition("+")[0], {"ssl": "sslmode"}
    query = urlencode([(names.get(name, name), value) for name, value in parse_qsl(parts.query)])
    return parts._replace(scheme=scheme, query=query).geturl()
