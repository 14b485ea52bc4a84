"""Password hashing with argon2id in dedicated threads, so that sign-ins do not block other requests."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from functools import cache
from threading import BoundedSemaphore
from weakref import WeakValueDictionary

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from auth.errors import PasswordQueueFull

_HASHES = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1), BcryptHasher()))

NICE_LEVEL = 10
MAX_QUEUED_PER_ADDRESS = 20
"""An address that tries many accounts must leave room in the queue for other addresses."""


class PasswordHasher:
    """A bounded queue in front of the hashing threads. Passwords must be normalized."""

    def __init__(
        self, *, threads: int, queue_size: int, max_queued_per_address: int | None = MAX_QUEUED_PER_ADDRESS
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, "passwords", lower_priority)
        self._slots = BoundedSemaphore(threads + queue_size)
        self._share = BoundedSemaphore(threads + queue_size)
        self._max_queued_per_address = max_queued_per_address or threads + queue_size
        self._shares = WeakValueDictionary[str, BoundedSemaphore]()
        create_dummy_hash()

    def for_address(self, address: str) -> "PasswordHasher":
        """Return this hasher with the address's share of the queue."""
        hasher = copy(self)
        hasher._share = self._shares.setdefault(address, BoundedSemaphore(self._max_queued_per_address))
        return hasher

    async def hash(self, password: str) -> str:
        return await self._run(lambda: _HASHES.hash(password))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Return whether the password matches, and a new hash if the stored one uses an older algorithm.

        Verifying without a hash takes equally long, so that timing does not reveal whether an account exists.
        """
        return await self._run(lambda: _verify(password, hashed))

    def close(self) -> None:
        """Drop queued work; running work finishes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run[T](self, work: Callable[[], T]) -> T:
        if not self._share.acquire(blocking=False):
            raise PasswordQueueFull
        if not self._slots.acquire(blocking=False):
            self._share.release()
            raise PasswordQueueFull
        future: Future[T] = self._pool.submit(work)
        # Released by the future, not after the await: when a client disconnects, the thread keeps working.
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def _release(self, _: object) -> None:
        self._slots.release()
        self._share.release()


def lower_priority() -> None:
    """Yield to all other threads. On systems other than Linux this would affect the whole process."""
    if sys.platform == "linux":
        os.nice(NICE_LEVEL)


def _verify(password: str, hashed: str | None) -> tuple[bool, str | None]:
    if hashed is not None:
        try:
            return _HASHES.verify_and_update(password, hashed)
        except (UnknownHashError, ValueError):
            # bcrypt accepts at most 72 bytes, so a longer password cannot have produced its hash.
            pass
    _HASHES.verify(password, create_dummy_hash())
    return False, None


@cache
def create_dummy_hash() -> str:
    return _HASHES.hash(secrets.token_urlsafe())
