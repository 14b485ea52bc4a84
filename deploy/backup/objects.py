"""Copies the objects of a bucket to files, which are named after the SHA-256 of their contents."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from shared.data.s3_errors import ObjectNotFound, StorageUnavailable, translate_storage_errors

from deploy.backup.system import Bucket

CONCURRENCY = 8
MAX_ATTEMPTS = 3
LINK_ERRORS = {errno.ENOENT, errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS}
CHUNK_BYTES = 1024 * 1024
FOLDER = "objects"


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object, and the file in `objects/` that has its content."""

    key: str
    etag: str
    bytes: int
    sha256: str
    content_type: str

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.sha256[:2]}/{self.sha256}"


@dataclass
class Mirror:
    """A folder with the objects of a bucket. Objects of an earlier backup are linked instead of copied."""

    bucket: Bucket
    folder: Path
    earlier: Mapping[str, StoredObject]
    earlier_folder: Path
    stored: dict[str, StoredObject] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = create_client(self.bucket)
        (self.folder / FOLDER).mkdir(mode=0o700)

    def update(self) -> set[str]:
        """Copy all new or replaced objects, and return the keys of all objects."""
        with translate_storage_errors():
            etags = list_objects(self._client, self.bucket)
        missing = self._copy_all(etags)
        return etags.keys() - missing

    def add(self, keys: Collection[str]) -> set[str]:
        """Copy objects that are not in the folder, and return the keys of those that do not exist."""
        return self._copy_all(dict.fromkeys(keys - self.stored.keys(), ""))

    def list_present(self) -> set[str]:
        """Return the keys of all objects that are in the bucket now."""
        with translate_storage_errors():
            return set(list_objects(self._client, self.bucket))

    def _copy_all(self, etags: Mapping[str, str]) -> set[str]:
        copies = run_in_parallel(lambda key: self._copy(key, etags[key]), etags)
        return {key for key, exists in zip(etags, copies, strict=True) if not exists}

    def _copy(self, key: str, etag: str) -> bool:
        current = self.stored.get(key)
        if current is not None and current.etag == etag:
            return True
        if self._hard_link(key, etag):
            return True
        for _ in range(MAX_ATTEMPTS - 1):
            with suppress(StorageUnavailable):
                return self._try_copy(key, etag)
        return self._try_copy(key, etag)

    def _try_copy(self, key: str, etag: str) -> bool:
        try:
            self.stored[key] = self._download(key, etag)
        except ObjectNotFound:
            return False
        except StorageUnavailable:
            # The client does not understand rclone's response for a missing object.
            if self._has_object(key):
                raise
            return False
        self.copied.append(key)
        return True

    def _has_object(self, key: str) -> bool:
        try:
            with translate_storage_errors():
                self._client.stat_object(self.bucket.name, key)
        except ObjectNotFound:
            return False
        return True

    def _hard_link(self, key: str, etag: str) -> bool:
        earlier = self.earlier.get(key)
        if earlier is None or earlier.etag != etag:
            return False
        target = self._prepare_path(earlier)
        try:
            source = self.earlier_folder / earlier.path
            if source.stat().st_size != earlier.bytes:
                return False
            os.link(source, target)
        except FileExistsError:
            pass
        except OSError as error:
            # The earlier file does not exist, or the file system does not support links.
            if error.errno in LINK_ERRORS:
                return False
            raise
        self.stored[key] = earlier
        return True

    def _download(self, key: str, etag: str) -> StoredObject:
        with translate_storage_errors():
            response = self._client.get_object(self.bucket.name, key)
        digest = hashlib.sha256()
        with closing(response), NamedTemporaryFile(dir=self.folder, delete_on_close=False) as draft:
            for chunk in _read(response):
                digest.update(chunk)
                draft.write(chunk)
            downloaded = StoredObject(
                key=key,
                etag=etag or response.headers.get("etag", "").strip('"'),
                bytes=draft.tell(),
                sha256=digest.hexdigest(),
                content_type=response.headers.get("content-type", "application/octet-stream"),
            )
            draft.close()
            Path(draft.name).rename(self._prepare_path(downloaded))
        return downloaded

    def _prepare_path(self, stored_object: StoredObject) -> Path:
        path = self.folder / stored_object.path
        # Its parents are not created, so that running threads fail after the draft was removed.
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return path


def _read(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    # Errors of the caller, such as a full disk, are not storage errors.
    with translate_storage_errors():
        yield from response.stream(CHUNK_BYTES)
    response.release_conn()


class Upload:
    """Uploads objects to an empty bucket, and deletes them if the restore fails."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._client, self._bucket, self._folder = create_client(bucket), bucket, folder
        self._done: list[str] = []
        self._is_stopped = threading.Event()

    def find_present(self) -> str | None:
        """Return the key of an object in the bucket, and create the bucket if there is none."""
        with translate_storage_errors():
            if not self._client.bucket_exists(self._bucket.name):
                self._client.make_bucket(self._bucket.name)
            objects = self._client.list_objects(self._bucket.name, recursive=True)
            return next((item.object_name for item in objects), None)

    def upload_all(self, objects: Collection[StoredObject]) -> None:
        run_in_parallel(self._upload, objects)

    def stop(self) -> None:
        """Make `upload_all` fail soon, which runs in another thread."""
        self._is_stopped.set()

    def _upload(self, stored: StoredObject) -> None:
        if self._is_stopped.is_set():
            raise InterruptedError
        with (self._folder / stored.path).open("rb") as content, translate_storage_errors():
            self._done.append(stored.key)
            self._client.put_object(self._bucket.name, stored.key, content, stored.bytes, stored.content_type)

    def undo(self) -> None:
        """Delete the uploaded objects."""
        deleted = map(DeleteObject, self._done)
        with translate_storage_errors():
            list(self._client.remove_objects(self._bucket.name, deleted))


def list_objects(client: Minio, bucket: Bucket) -> dict[str, str]:
    """Return the ETag of every object by its key."""
    objects = client.list_objects(bucket.name, recursive=True)
    return {item.object_name: (item.etag or "").strip('"') for item in objects if item.object_name}


def run_in_parallel[A, R](work: Callable[[A], R], arguments: Iterable[A]) -> list[R]:
    """Call a function for each argument, until the first failure."""
    pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="objects")
    try:
        return list(pool.map(work, arguments))
    finally:
        pool.shutdown(cancel_futures=True)


def create_client(bucket: Bucket) -> Minio:
    address = urlsplit(bucket.endpoint)
    statuses = (500, 502, 503, 504)
    return Minio(
        address.netloc,
        bucket.access_key,
        bucket.secret_key,
        secure=address.scheme == "https",
        region=bucket.region,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5.0, read=60.0),
            retries=urllib3.Retry(total=5, backoff_factor=0.2, status_forcelist=statuses),
            maxsize=CONCURRENCY,
        ),
    )
