from collections.abc import Sequence

from shared.background import SupervisedLoop
from shared.confined.pool import WorkerPool

from scoring.errors import ProviderUnavailable


class WorkerOwner:
    """Base class of the owners of a pool of confined processes. Both have the same lifetime."""

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    @property
    def concurrency(self) -> int:
        return self._workers.count

    @property
    def loops(self) -> Sequence[SupervisedLoop]:
        return self._workers.loops

    async def start(self) -> None:
        # The processes start in the background. Requests wait until one is ready.
        self._workers.start()

    async def close(self) -> None:
        await self._workers.close()

    async def ping(self) -> None:
        if not self._workers.is_ready:
            raise ProviderUnavailable("No process is running.")
