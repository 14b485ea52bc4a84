import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from shared.http.admission import Overloaded, UserShares

from importer.errors import TooManyUploads, UploadsFull


class UploadSlots:
    """Limits concurrent uploads, in total and per editor. Further uploads wait for a while."""

    def __init__(self, *, limit: int, user_limit: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(limit)
        self._shares = UserShares(max_in_work=user_limit, max_wait_seconds=wait_seconds)
        self._user_limit, self._wait_seconds = user_limit, wait_seconds

    @asynccontextmanager
    async def hold(self, user_id: UUID) -> AsyncIterator[None]:
        """Occupy a slot. Raises TooManyUploads if the editor's own uploads take all slots, UploadsFull if
        others' do.
        """
        try:
            await self._shares.acquire(user_id)
        except Overloaded as error:
            raise TooManyUploads(self._user_limit) from error
        try:
            async with self._hold_slot():
                yield
        finally:
            self._shares.release(user_id)

    @asynccontextmanager
    async def _hold_slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise UploadsFull from error
        try:
            yield
        finally:
            self._free.release()
