"""The example import, as `make demo-import` plays it."""

import asyncio

import pytest

from deploy.local.import_demo import play
from deploy.local.stack import Stack

pytestmark = pytest.mark.journey


async def test_the_example_is_imported_drawn_and_undone_twice(
    system: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        await asyncio.to_thread(play, system.url)
    printed = capsys.readouterr().out
    assert printed.count("15 stored") == 2
    assert printed.count("→ rejected") == 2
    assert printed.count("→ completed") == 2
    assert printed.count("undone: 15 deleted, 0 archived") == 2
