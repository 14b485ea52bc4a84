"""Contents of a backup: `manifest.json`, which is written last, and `objects.jsonl`, a line per object."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from deploy.backup.errors import BackupFailed
from deploy.backup.objects import StoredObject, run_in_parallel
from deploy.backup.private_files import create_private, write_private

FORMAT = "parley-backup"
VERSION = 1
MANIFEST, INDEX, DATABASES = "manifest.json", "objects.jsonl", "databases"
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a backup, by its path inside."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def measure(cls, folder: Path, path: str) -> Self:
        digest = hashlib.sha256()
        with (folder / path).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            return cls(path=path, bytes=file.tell(), sha256=digest.hexdigest())


@dataclass(frozen=True, kw_only=True)
class Dump:
    """The dump of a service's database, and the revision of its schema."""

    revision: str
    file: File


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of a backup, including what is missing."""

    taken_at: str
    commit: str
    databases: dict[str, Dump]
    index: File
    objects: int
    missing_objects: list[str]
    """Keys that rows refer to, but that the storage does not have."""
    dead_letters: dict[str, int]
    """The number of dead letters, by queue. They are not in the backup."""
    waiting: dict[str, int]
    """The number of messages in queues that the operator excluded."""

    def write(self, folder: Path) -> None:
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        document = {**content, "sha256": _compute_digest(content)}
        write_private(folder / MANIFEST, json.dumps(document, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises BackupFailed if this is not a backup, or the manifest is damaged or of a newer format."""
        content = _load(folder)
        if content.pop("format", None) != FORMAT:
            raise BackupFailed(f"{folder} is not a backup of Parley: its manifest has another format.")
        if (version := content.get("version")) != VERSION:
            raise BackupFailed(
                f"{folder} has the format version {version}; this program reads version {VERSION}."
            )
        if content.pop("sha256", None) != _compute_digest({"format": FORMAT, **content}):
            raise BackupFailed(f"{folder} is damaged: {MANIFEST} was changed.")
        del content["version"]
        dumps = {
            name: Dump(revision=dump["revision"], file=File(**dump["file"]))
            for name, dump in content.pop("databases").items()
        }
        return cls(databases=dumps, index=File(**content.pop("index")), **content)


def verify(folder: Path) -> tuple[Manifest, list[StoredObject]]:
    """Read a backup and compare all of its files with the manifest. Raises BackupFailed."""
    manifest = Manifest.read(folder)
    for file in (manifest.index, *(dump.file for dump in manifest.databases.values())):
        _ensure_same(folder, file)
    objects = list(read_index(folder))
    contents = {
        stored.path: File(path=stored.path, bytes=stored.bytes, sha256=stored.sha256) for stored in objects
    }
    run_in_parallel(lambda file: _ensure_same(folder, file), contents.values())
    return manifest, objects


def read_index(folder: Path) -> Iterator[StoredObject]:
    with (folder / INDEX).open() as lines:
        for line in lines:
            yield StoredObject(**json.loads(line))


def write_index(folder: Path, objects: Iterable[StoredObject]) -> File:
    lines = (json.dumps(asdict(stored)) + "\n" for stored in objects)
    with create_private(folder / INDEX) as file:
        file.writelines(lines)
    return File.measure(folder, INDEX)


def list_backups(folder: Path) -> list[Path]:
    """Return the complete backups in a folder, oldest first. Drafts have names that begin with a dot."""
    return sorted(path.parent for path in folder.glob(f"[0-9]*/{MANIFEST}"))


def find_earlier(folder: Path) -> tuple[Path, dict[str, StoredObject]]:
    """Return the newest backup in a folder with its objects by key; none if it is damaged."""
    backups = list_backups(folder)
    if not backups:
        return folder, {}
    newest = backups[-1]
    try:
        _ensure_same(newest, Manifest.read(newest).index)
    except BackupFailed:
        return folder, {}
    return newest, {stored.key: stored for stored in read_index(newest)}


def name_backup(taken_at: datetime) -> str:
    return taken_at.strftime("%Y-%m-%dT%H-%M-%SZ")


def _ensure_same(folder: Path, expected: File) -> None:
    try:
        actual = File.measure(folder, expected.path)
    except OSError as error:
        raise BackupFailed(f"{folder} is damaged: {expected.path}: {error.strerror}.") from error
    if actual != expected:
        raise BackupFailed(f"{folder} is damaged: {expected.path} does not match the manifest.")


def _load(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        inside = list_backups(folder) if folder.is_dir() else []
        hint = f"; the newest in it is {inside[-1]}" if inside else ""
        raise BackupFailed(f"{folder} is not a backup: it has no {MANIFEST}{hint}.") from None
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{folder} is damaged: {MANIFEST} cannot be read.") from error
    if not isinstance(content, dict):
        raise BackupFailed(f"{folder} is not a backup of Parley: its manifest has another format.")
    return content


def _compute_digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
