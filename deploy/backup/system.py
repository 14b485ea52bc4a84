"""The servers of a deployment, for backup and restore."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.backup.queues import Queues


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An S3 bucket, and the keys that can read and write it."""

    endpoint: str
    access_key: str
    secret_key: str
    name: str
    region: str = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class System:
    """The contents of a backup, and the queues that must be empty when it begins."""

    databases: Mapping[str, str]
    """A libpq URL for the owner of each database, by service, in the order of `deploy/services.py`."""
    bucket: Bucket
    queues: Queues | None
    """None if the broker is new: a restore then has nothing to check."""
    programs: Path | None = None
    """The folder of pg_dump, pg_restore and psql, if it is not in PATH."""
