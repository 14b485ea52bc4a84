"""The random draw: that it is fair, that it does not grow, what it costs, and how soon it follows a change.

Run it with `make bench WHAT=draw`.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import asyncpg
import psutil
from content.catalogue import Catalogue
from content.domain import Filter
from content.draw import drawn_speeches
from content.following import FollowedCatalogue
from content.models import Speech
from shared.db import Database, engine_for
from sqlalchemy import select

from bench import uniformity
from bench.following import seconds_until_followed
from bench.rounds import Action, Times, measured, ratio, verdict
from bench.speeches import Made
from bench.system import catalogue_of, started, with_driver

SIZES = (10_000, 100_000, 1_000_000)
SMALL, LARGE = SIZES[0], SIZES[-1]
GROWTH, COST, DELAY = 1.5, 3.0, 1.0
ATTEMPTS = 3
"""A noisy minute must not look like a slow draw: a bound is broken when it is broken so often in a row."""
KEYS = "SELECT id, text, audio_key, duration_ms, level, type FROM speeches WHERE id = ANY($1::uuid[])"
DRIVER, SESSION, EXCLUDING = "10 rows by key, driver", "10 rows by key, session", "level, 200 excluded"


@dataclass(frozen=True)
class Case:
    """A catalogue of some size, as a process of the content service has it."""

    database: Database
    driver: "asyncpg.Connection[asyncpg.Record]"
    catalogue: Catalogue
    made: Made
    ids: list[UUID]

    def actions(self) -> Iterator[tuple[str, Action]]:
        """The draws to measure, and the reads by primary key to compare them with."""
        ten = cycle([self.ids[first : first + 10] for first in range(0, len(self.ids), 10)])
        excluded = frozenset(self.ids[:200])

        async def by_session() -> None:
            async with self.database.transaction() as session:
                (await session.scalars(select(Speech).where(Speech.id.in_(next(ten))))).all()

        yield DRIVER, lambda: self.driver.fetch(KEYS, next(ten))
        yield SESSION, by_session
        for name, wanted in filters(self.made).items():
            yield name, lambda wanted=wanted: drawn_speeches(self.database, self.catalogue, wanted, most=10)  # type: ignore[misc] # a lambda's default has no type
        level = Filter(level="A1")
        yield (
            EXCLUDING,
            lambda: drawn_speeches(self.database, self.catalogue, level, most=10, excluded=excluded),
        )


def filters(made: Made) -> dict[str, Filter]:
    """What is drawn from, by its name in the table."""
    common, rare = frozenset(made.common), frozenset(made.rare)
    return {
        "level": Filter(level="A1"),
        "level, type": Filter(level="A1", type="question"),
        "level, any of 2 common tags": Filter(level="A1", tags=common),
        "level, all of 2 common tags": Filter(level="A1", tags=common, match="all"),
        "level, any of 2 rare tags": Filter(level="A1", tags=rare),
        "level, all of 2 rare tags": Filter(level="A1", tags=rare, match="all"),
    }


async def loaded(url: str, made: Made) -> Case:
    """Load the catalogue as a process does that starts, and say what it takes."""
    database = Database(engine_for(with_driver(url), name="bench"))
    driver = await asyncpg.connect(url)
    followed = FollowedCatalogue(database)
    before, began = psutil.Process().memory_info().rss, time.monotonic()
    await followed.follow()
    seconds, taken = time.monotonic() - began, (psutil.Process().memory_info().rss - before) / 2**20
    print(
        f"{made.speeches:>9,} speeches loaded in {seconds:.1f} s, the process grew {taken:.0f} MB", flush=True
    )
    some = f"SELECT id FROM speeches ORDER BY random() LIMIT {SMALL}"  # noqa: S608 - a number
    ids = [row["id"] for row in await driver.fetch(some)]
    return Case(database, driver, followed.current(), made, ids)


def table(found: Mapping[str, Mapping[int, Times]]) -> None:
    """Print milliseconds by size, growth and cost."""
    print(
        f"\n{'p50 / p95 in ms':30}"
        + "".join(f"{size:>17,}" for size in SIZES)
        + "   p50 growth         p95 cost"
    )
    for name, by_size in found.items():
        times = "".join(f"{t.median('p50'):9.2f} /{t.median('p95'):6.2f}" for t in by_size.values())
        growth = ratio(by_size[LARGE].p50, by_size[SMALL].p50)
        cost = ratio(by_size[LARGE].p95, found[DRIVER][LARGE].p95)
        print(f"{name:30}{times}   {growth}  {cost}")


def broken(found: Mapping[str, Mapping[int, Times]]) -> list[str]:
    """The bounds that do not hold."""
    lines = []
    for name, by_size in found.items():
        if name in (DRIVER, SESSION):
            continue
        growth = ratio(by_size[LARGE].p50, by_size[SMALL].p50).median
        cost = ratio(by_size[LARGE].p95, found[DRIVER][LARGE].p95).median
        if growth > GROWTH:
            lines.append(f"{name}: p50 grows by {growth:.2f}, at most {GROWTH}")
        if cost > COST and name != EXCLUDING:
            lines.append(f"{name}: p95 is {cost:.2f} times a read by key, at most {COST}")
    return lines


async def times_of(cases: Mapping[int, Case]) -> list[str]:
    """Measure until the bounds hold, at most so often; what is broken."""
    lines: list[str] = []
    for _ in range(ATTEMPTS):
        actions = {(name, size): action for size, case in cases.items() for name, action in case.actions()}
        times = await measured(actions, rounds=20, each=40)
        names = dict.fromkeys(name for name, _ in times)
        found = {name: {size: times[name, size] for size in cases} for name in names}
        table(found)
        if not (lines := broken(found)):
            break
    return lines


async def main() -> int:
    """Measure and say everything; 1 when a bound is broken."""
    with ExitStack() as stack:
        addresses, _ = stack.enter_context(started())
        cases = {size: await loaded(*await catalogue_of(addresses, size)) for size in SIZES}
        lines = await times_of(cases)
        delay = await seconds_until_followed(cases[LARGE].database)
        print(
            f"\nA new speech could be drawn after at most {delay:.2f} s under load; a deleted one never was."
        )
        lines += [f"a change is followed after {delay:.2f} s"] if delay > DELAY else []
        for case in cases.values():
            await case.driver.close()
            await case.database.close()
    for _ in range(ATTEMPTS - 1):
        fair = uniformity.fairness()
        print(
            f"{uniformity.DRAWS:,} draws of {uniformity.MOST} from {uniformity.SIZE}; p of chi-squared: "
            f"{fair}"
        )
        if fair.fair:
            break
    return verdict(lines + ([] if fair.fair else ["the draw is not uniform"]))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
