"""The random draw: its fairness, its growth and cost, and the delay until it follows a change.

Run it with `make bench WHAT=draw`.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import asyncpg
import psutil
from content.catalogue import Catalogue, CatalogueRefresher
from content.domain.draws import DrawFilter
from content.models import Speech
from content.queries.draws import draw_speeches
from shared.data.db import Database, create_engine
from sqlalchemy import select

from bench import uniformity
from bench.draw_delay import measure_longest_delay
from bench.programs import create_content_api
from bench.rounds import Action, Times, compute_ratio, measure_rounds, report_bounds
from bench.speeches import CatalogueTags
from bench.system import add_driver, create_catalogue, start_servers
from deploy.local import ports
from deploy.local.processes import Run
from deploy.local.servers import Addresses

SIZES = (10_000, 100_000, 1_000_000)
SMALL, LARGE = SIZES[0], SIZES[-1]
MAX_GROWTH, MAX_COST, MAX_DELAY_SECONDS = 1.5, 3.0, 1.0
ATTEMPTS = 3
"""A bound counts as broken after this many failures in a row, so that noise does not look like slowness."""
SELECT_BY_KEY = (
    "SELECT id, text, audio_key, duration_ms, level, type FROM speeches WHERE id = ANY($1::uuid[])"
)
DRIVER, SESSION, EXCLUDING = "10 rows by key, driver", "10 rows by key, session", "level, 200 excluded"
UNCACHED = "uncached"
"""Marks the first draw from a filter after a change."""


@dataclass(frozen=True)
class Case:
    """A catalogue of a certain size, as in a content process."""

    database: Database
    driver: "asyncpg.Connection[asyncpg.Record]"
    catalogue: Catalogue
    generated: CatalogueTags
    ids: list[UUID]

    def list_actions(self) -> Iterator[tuple[str, Action]]:
        """Yield the draws to measure, and the reads by primary key that they are compared with."""
        ten = cycle([self.ids[first : first + 10] for first in range(0, len(self.ids), 10)])

        async def read_by_session() -> None:
            async with self.database.transaction() as session:
                (await session.scalars(select(Speech).where(Speech.id.in_(next(ten))))).all()

        def draw(filters: DrawFilter, excluded: frozenset[UUID] = frozenset()) -> Action:
            return lambda: draw_speeches(self.database, self.catalogue, filters, limit=10, excluded=excluded)

        def draw_uncached(filters: DrawFilter) -> Action:
            draw_again = draw(filters)

            async def invalidate_and_draw() -> None:
                self.catalogue.add({})  # a change, which clears the cache of filters
                await draw_again()

            return invalidate_and_draw

        yield DRIVER, lambda: self.driver.fetch(SELECT_BY_KEY, next(ten))
        yield SESSION, read_by_session
        for name, filters in list_filters(self.generated).items():
            yield name, draw(filters)
            yield f"{name}, {UNCACHED}", draw_uncached(filters)
        yield EXCLUDING, draw(DrawFilter(level="A1"), frozenset(self.ids[:200]))


def list_filters(generated: CatalogueTags) -> dict[str, DrawFilter]:
    """Return the filters of draws, by their name in the table."""
    common, rare = frozenset(generated.common), frozenset(generated.rare)
    return {
        "level": DrawFilter(level="A1"),
        "level, type": DrawFilter(level="A1", type="question"),
        "level, any of 2 common tags": DrawFilter(level="A1", tags=common),
        "level, all of 2 common tags": DrawFilter(level="A1", tags=common, match="all"),
        "level, any of 2 rare tags": DrawFilter(level="A1", tags=rare),
        "level, all of 2 rare tags": DrawFilter(level="A1", tags=rare, match="all"),
    }


async def load_case(url: str, generated: CatalogueTags) -> Case:
    """Load the catalogue as a starting process does."""
    database = Database(create_engine(add_driver(url), name="bench"))
    driver = await asyncpg.connect(url)
    refresher = CatalogueRefresher(database)
    await refresher.refresh()
    sampled = f"SELECT id FROM speeches ORDER BY random() LIMIT {SMALL}"  # noqa: S608 - a number
    ids = [row["id"] for row in await driver.fetch(sampled)]
    return Case(database, driver, refresher.get_catalogue(), generated, ids)


def print_table(measured: Mapping[str, Mapping[int, Times]]) -> None:
    """Print milliseconds by size, growth and cost."""
    sizes = "".join(f"{size:>17,}" for size in SIZES)
    print(f"\n{'p50 / p95 in ms':35}{sizes}   p50 growth         p95 cost")
    for name, by_size in measured.items():
        times = "".join(map(str, by_size.values()))
        growth = compute_ratio(by_size[LARGE].p50, by_size[SMALL].p50)
        cost = compute_ratio(by_size[LARGE].p95, measured[DRIVER][LARGE].p95)
        print(f"{name:35}{times}   {growth}  {cost}")


def list_broken_bounds(measured: Mapping[str, Mapping[int, Times]]) -> list[str]:
    """List the bounds that do not hold."""
    lines = []
    for name, by_size in measured.items():
        if name in (DRIVER, SESSION):
            continue
        growth = compute_ratio(by_size[LARGE].p50, by_size[SMALL].p50).median
        cost = compute_ratio(by_size[LARGE].p95, measured[DRIVER][LARGE].p95).median
        if growth > MAX_GROWTH and UNCACHED not in name:
            lines.append(f"{name}: p50 grows by {growth:.2f}; the maximum is {MAX_GROWTH}")
        if cost > MAX_COST and name != EXCLUDING:
            lines.append(f"{name}: p95 is {cost:.2f} times a read by key; the maximum is {MAX_COST}")
    return lines


async def measure_times(cases: Mapping[int, Case]) -> list[str]:
    """Measure until the bounds hold, at most ATTEMPTS times, and return the broken ones."""
    lines: list[str] = []
    for _ in range(ATTEMPTS):
        actions = {
            (name, size): action for size, case in cases.items() for name, action in case.list_actions()
        }
        times = await measure_rounds(actions, rounds=20, repetitions=40)
        names = dict.fromkeys(name for name, _ in times)
        measured = {name: {size: times[name, size] for size in cases} for name in names}
        print_table(measured)
        if not (lines := list_broken_bounds(measured)):
            break
    return lines


def measure_start(run: Run, addresses: Addresses) -> str:
    """Start an API on the largest catalogue and report its start time and memory."""
    database = f"{addresses.postgres_url.rpartition('/')[0]}/content_{LARGE}"
    port = ports.assign_ports(ports.choose_free_block())["content-api"]
    api, started = create_content_api(run, database, addresses, port=port, keys_port=port), time.monotonic()
    api.start()
    assert api.process
    seconds, memory_mb = time.monotonic() - started, psutil.Process(api.process.pid).memory_info().rss / 2**20
    api.stop()
    return f"is ready after {seconds:.1f} s and uses {memory_mb:.0f} MB"


def check_fairness() -> list[str]:
    """Draw a million times, and repeat if chance does not explain the first result."""
    for _ in range(2):
        fairness = uniformity.measure_fairness()
        drawn, matching = uniformity.SPEECHES_PER_DRAW, uniformity.MATCHING_SPEECHES
        print(f"{uniformity.DRAWS:,} draws of {drawn} from {matching}: {fairness}")
        if fairness.is_fair:
            return []
    return ["the draw is not uniform"]


async def main() -> int:
    """Run all measurements; return 1 if a bound is broken."""
    with start_servers() as (addresses, run):
        cases = {size: await load_case(*await create_catalogue(addresses, size)) for size in SIZES}
        lines = await measure_times(cases)
        print(f"\nWith {LARGE:,} speeches an API process {measure_start(run, addresses)}.")
        delay = await measure_longest_delay(cases[LARGE].database)
        print(f"Under load, new speeches were drawn within {delay:.2f} s, deleted ones never.")
        lines += [f"draws follow a change after {delay:.2f} s"] if delay > MAX_DELAY_SECONDS else []
        for case in cases.values():
            await case.driver.close()
            await case.database.close()
    return report_bounds(lines + check_fairness())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
