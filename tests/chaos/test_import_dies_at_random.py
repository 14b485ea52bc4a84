"""Processes are killed at random moments of imports: in the end all rows are in the catalogue, or none."""

import asyncio
import random

import pytest

from tests.chaos.imports import VICTIMS, Imports, kill_and_start

pytestmark = pytest.mark.journey

RANDOM_KILLS = 30
SEED = 20_261


async def test_imports_and_undos_complete_when_processes_die_at_random_moments(imports: Imports) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    for number in range(RANDOM_KILLS):
        victim, delay = chance.choice(VICTIMS), chance.uniform(0, 0.8)
        undoes = chance.random() < 0.3
        print(f"{number}: {victim} after {delay:.2f} s{', then undone' if undoes else ''}")  # noqa: T201 - of a failure
        import_ = await imports.start()
        if undoes:
            await imports.ensure_applied(import_)
            await imports.undo(import_)
        await asyncio.sleep(delay)
        await kill_and_start(imports.victims[victim])
        await (imports.ensure_undone(import_) if undoes else imports.ensure_applied(import_))
    await imports.ensure_nothing_waits()
