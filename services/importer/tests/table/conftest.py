from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from importer.table import Source

type AsSource = Callable[..., Source]


@pytest.fixture
def create_source() -> AsSource:
    """Makes a table source, which can be opened repeatedly, from bytes or from pieces of bytes."""

    def make(content: bytes | Iterable[bytes], *, size: int = 7) -> Source:
        chunks = (
            [content[start : start + size] for start in range(0, len(content), size)]
            if isinstance(content, bytes)
            else list(content)
        )

        async def read() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        return read

    return make
