from collections.abc import Callable
from types import TracebackType
from typing import Self

from shared.audio.measurement import MAX_AUDIO_BYTES

INITIAL_BYTES = 256 * 1024


class AudioBufferManager:
    """Owns a recording's bytes, and always overwrites and frees them when its block ends. A buffer that has
    become too small is overwritten as soon as it is replaced. `on_wiped` is called when all bytes are freed,
    possibly more than once.
    """

    def __init__(
        self,
        size: int = INITIAL_BYTES,
        *,
        max_bytes: int = MAX_AUDIO_BYTES,
        on_wiped: Callable[[], None] | None = None,
    ) -> None:
        self._data, self._used = bytearray(min(size, max_bytes)), 0
        self._max_bytes, self._on_wiped = max_bytes, on_wiped

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
        """Return a view of `size` more bytes, which the caller fills."""
        start, end = self._used, self._used + size
        if end > len(self._data):
            # Doubled up to the size limit, so that it is rarely copied.
            larger = bytearray(max(end, min(2 * len(self._data), self._max_bytes)))
            larger[:start] = memoryview(self._data)[:start]
            self._overwrite()
            self._data = larger
        self._used = end
        return memoryview(self._data)[start:end]

    def view(self) -> memoryview:
        return memoryview(self._data)[: self._used]

    def wipe(self) -> None:
        self._overwrite()
        self._data, self._used = bytearray(), 0
        if self._on_wiped:
            self._on_wiped()

    def _overwrite(self) -> None:
        self._data[:] = bytes(len(self._data))
