INITIAL_BYTES = 256 * 1024


class WipingBuffer:
    """A growing buffer for recordings. It overwrites every block of memory that it outgrows."""

    def __init__(self) -> None:
        self._data, self._used = bytearray(INITIAL_BYTES), 0

    def __len__(self) -> int:
        return self._used

    def append(self, part: memoryview) -> None:
        end = self._used + len(part)
        if end > len(self._data):
            larger = bytearray(max(end, 2 * len(self._data)))
            larger[: self._used] = memoryview(self._data)[: self._used]
            self.wipe()
            self._data = larger
        self._data[self._used : end] = part
        self._used = end

    def view(self) -> memoryview:
        return memoryview(self._data)[: self._used]

    def wipe(self) -> None:
        self._data[:] = bytes(len(self._data))
