from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from importer.table import Source

type AsSource = Callable[..., Source]


@pytest.fixture
def as_source() -> AsSource:
    """Makes a table source, which can be opened repeatedly, from bytes or from pieces of bytes."""

    def make(content: bytes | Iterable[bytes], *, size: int = 7) -> Source:
        pieces = (
            [content[at : at + size] for at in range(0, len(content), size)]
            if isinstance(content, bytes)
            else list(content)
        )

        async def read() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return read

    return make
