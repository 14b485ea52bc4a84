import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from importer.progress import ProgressFeed


class Item(NamedTuple):
    id: UUID
    version: int


class Table:
    def __init__(self, *items: Item) -> None:
        self.items = {item.id: item for item in items}
        self.asked: list[set[UUID]] = []

    async def fetch(self, ids: Sequence[UUID]) -> list[Item]:
        self.asked.append(set(ids))
        return [self.items[item_id] for item_id in ids]


async def test_all_watches_are_read_by_one_query() -> None:
    first, second = Item(uuid4(), 1), Item(uuid4(), 1)
    table = Table(first, second)
    feed = ProgressFeed(table.fetch)
    with feed.watch(first), feed.watch(first), feed.watch(second):
        await feed.refresh()
    assert table.asked == [{first.id, second.id}]


async def test_nothing_is_read_without_watches() -> None:
    item = Item(uuid4(), 1)
    table = Table(item)
    feed = ProgressFeed(table.fetch)
    with feed.watch(item):
        pass
    await feed.refresh()
    assert table.asked == []


async def test_a_change_wakes_all_watches() -> None:
    item = Item(uuid4(), 1)
    table = Table(item)
    feed = ProgressFeed(table.fetch)
    with feed.watch(item) as one, feed.watch(item) as other:
        waits = [asyncio.create_task(feed.wait_for_change(after=1, seconds=5)) for feed in (one, other)]
        await asyncio.sleep(0)
        table.items[item.id] = Item(item.id, 2)
        await feed.refresh()
        assert [await wait for wait in waits] == [Item(item.id, 2)] * 2


async def test_a_wait_ends_without_a_change() -> None:
    item = Item(uuid4(), 3)
    with ProgressFeed(Table(item).fetch).watch(item) as watch:
        assert await watch.wait_for_change(after=3, seconds=0.01) is None
        assert await watch.wait_for_change(after=2, seconds=5) == item


async def test_an_older_version_does_not_replace_a_newer_one() -> None:
    item = Item(uuid4(), 3)
    feed = ProgressFeed(Table(item).fetch)
    with feed.watch(item) as watch, feed.watch(Item(item.id, 2)):
        assert watch.latest == item
