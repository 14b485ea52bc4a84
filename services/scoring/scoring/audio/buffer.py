from types import TracebackType
from typing import Self

INITIAL_BYTES = 256 * 1024


class AudioBufferManager:
    """The owner of a recording's bytes. It overwrites and frees them when its block ends, however it ends.

    A block of memory that the recording outgrows is overwritten at once.
    """

    def __init__(self, size: int = INITIAL_BYTES) -> None:
        self._data, self._used = bytearray(size), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __len__(self) -> int:
        return self._used

    def append(self, part: memoryview) -> None:
        self.extend(len(part))[:] = part

    def extend(self, size: int) -> memoryview:
        """Return room for that many bytes more, to be filled by the caller."""
        start, end = self._used, self._used + size
        if end > len(self._data):
            larger = bytearray(max(end, 2 * len(self._data)))
            larger[:start] = memoryview(self._data)[:start]
            self.wipe()
            self._data = larger
        self._used = end
        return memoryview(self._data)[start:end]

    def view(self) -> memoryview:
        return memoryview(self._data)[: self._used]

    def wipe(self) -> None:
        self._data[:] = bytes(len(self._data))
        self._data, self._used = bytearray(), 0
