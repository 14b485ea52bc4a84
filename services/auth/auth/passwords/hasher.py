"""PasswordHasherDep of passwords: argon2id, in threads of its own, so that many sign-ins hold up nothing else."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from auth.errors import PasswordQueueFull

_HASHES = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1), BcryptHasher()))

NICE_LEVEL = 10


class PasswordHasher:
    """A bounded queue in front of the hashing threads. PasswordHasher come prepared by `types.normalize_password`."""

    def __init__(self, *, threads: int, queue_size: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "passwords", lower_priority)
        self._places = BoundedSemaphore(threads + queue_size)
        dummy_hash()

    async def hash(self, password: str) -> str:
        """The argon2id hash of a new password. Raises PasswordQueueFull."""
        return await self._run(lambda: _HASHES.hash(password))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a new hash if the old one is of an older kind.

        Without a hash it does the work all the same, so that time does not tell whether an account exists.
        Raises PasswordQueueFull.
        """
        return await self._run(lambda: _verify(password, hashed))

    def close(self) -> None:
        """Forget what waits; what is being hashed ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run[T](self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise PasswordQueueFull("Too many people are signing in right now; try again in a moment.")
        future: Future[T] = self._pool.submit(work)
        # On the future, not after the await: a client that goes away gives up waiting, but not the thread.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def lower_priority() -> None:
    """Let every other thread of this machine go first: a hash takes its time anyway, and nobody else should.

    On Linux this lowers the calling thread; elsewhere it would be the whole process, which stays as it is.
    """
    if sys.platform == "linux":
        os.nice(NICE_LEVEL)


def _verify(password: str, hashed: str | None) -> tuple[bool, str | None]:
    if hashed is not None:
        try:
            return _HASHES.verify_and_update(password, hashed)
        except (UnknownHashError, ValueError):
            # bcrypt knows nothing beyond 72 bytes, so a longer password cannot be what it hashed.
            pass
    _HASHES.verify(password, dummy_hash())
    return False, None


@cache
def dummy_hash() -> str:
    """A hash that no password fits."""
    return _HASHES.hash(secrets.token_urlsafe())
