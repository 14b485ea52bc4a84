import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechSnapshot
from fastapi import FastAPI
from game.models import (
    DailyActivity,
    DailyLevel,
    DailyPhoneme,
    DailyRegistrations,
    DailyScore,
    DailyTag,
    SpeechFigures,
    TagName,
)
from shared.data.db import Database
from shared.testing import TokenFor, api_client
from sqlalchemy import insert

type Read = Callable[..., Awaitable[dict[str, Any]]]

PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
ANALYTICS = "/admin/game/analytics"
SPEECHES = "/admin/game/speeches"
API = "/api/v1/admin/analytics"
DAY = date(2026, 3, 10)
PERIOD = {"from": "2026-02-20", "to": "2026-03-31"}
QUERY = "?from=2026-02-20&to=2026-03-31"
FORMULA = "=HYPERLINK(1)"
TAG = UUID(int=1)


@pytest.fixture
async def editor(app: FastAPI, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(uuid4(), "editor", csrf="x")) as client:
        client.headers.update(PAGE)
        yield client


@pytest.fixture
async def figures(database: Database, speeches: list[SpeechSnapshot]) -> None:
    """Figures of a day on which two learners played; one of them returned."""
    counts = {"sessions": 5, "sentences": 1300, "answered": 1000, "correct": 900}
    scores = {"day": DAY, "scorer": "new-2", "scores": 40, "score_sum": 3000.0}
    totals = {"sessions": 1, "sentences": 10, "correct": 9, "seconds": 60}
    days = [(UUID(int=5), 0), (UUID(int=6), 0), (UUID(int=6), 7)]
    rows: list[tuple[Any, dict[str, Any]]] = [
        (DailyLevel, {"day": DAY, "level": "A1", **counts, "seconds": 1501}),
        (DailyTag, {"day": DAY, "tag_id": TAG, **counts}),
        (DailyScore, {**scores, "level": "A1", "bucket": 7}),
        (DailyPhoneme, {**scores, "symbol": "TH"}),
        (DailyRegistrations, {"day": DAY, "registrations": 3}),
        (SpeechFigures, {"speech_id": speeches[0].speech_id, "level": "A1", "plays": 90, "correct": 32}),
        (SpeechFigures, {"speech_id": speeches[1].speech_id, "level": "A1", "plays": 10, "correct": 10}),
        *(
            (DailyActivity, {"user_id": user_id, "day": DAY + timedelta(days=later), **totals})
            for user_id, later in days
        ),
    ]
    async with database.transaction() as session:
        for table, values in rows:
            await session.execute(insert(table).values(**values))
        tag = await session.get(TagName, TAG)
        assert tag is not None
        tag.name = FORMULA


def read_values(page: str, table: str) -> list[list[float]]:
    """Return the numbers of a table on the page, by row."""
    [table_body] = re.findall(rf'<table id="{table}-table">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    return [
        [float(value) for value in re.findall(r'data-value="(.*?)"', row)]
        for row in table_body.split("<tr>")[1:]
    ]


async def read_csv(client: httpx.AsyncClient, path: str) -> list[dict[str, str]]:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))


async def test_the_page_shows_the_figures_of_the_api(
    figures: None, editor: httpx.AsyncClient, read: Read
) -> None:
    response = await editor.get(ANALYTICS, params=PERIOD)
    assert response.status_code == 200, response.text
    page = response.text
    overview = await read(f"{API}/overview", by=editor, **PERIOD)
    assert [[row[0], row[1], row[2]] for row in read_values(page, "days")] == [
        [day["active_learners"], day["registrations"], day["sessions"]] for day in overview["days"]
    ]
    assert read_values(page, "days")[18] == [2, 3, 5, 5.0, 1300, 900]
    [level], [tag], [phoneme] = overview["levels"], overview["tags"], overview["hardest_phonemes"]
    sums = [level["sessions"], level["sentences"], 100 * level["correct_rate"]]
    assert read_values(page, "levels") == [[*sums, level["scores"][0]["average"]]]
    assert read_values(page, "tags") == [[tag["sessions"], tag["sentences"], 100 * tag["correct_rate"]]]
    assert read_values(page, "phonemes") == [[phoneme["scores"], phoneme["average"]]]
    [scorer] = overview["scores"]
    assert [row[0] for row in read_values(page, "scores")] == scorer["distribution"]
    assert [row[1] for row in read_values(page, "scores")] == [0] * 7 + [100] + [0] * 2
    for text in ("5:00 min", "90.0%", "1,300", "new-2", "50% <"):
        assert text in page
    assert f"<dt>Active in 30 days</dt><dd>{overview['active_learners']['monthly']}</dd>" in page


async def test_speeches_with_a_suggestion_link_to_their_page(
    figures: None, editor: httpx.AsyncClient, speeches: list[SpeechSnapshot]
) -> None:
    page = (await editor.get(ANALYTICS, params=PERIOD)).text
    link = f'<a href="/admin/content/speeches/{speeches[0].speech_id}">Good morning.</a>'
    # In the list of suggestions, and in the list of the hardest speeches.
    assert page.count(link) == 2
    assert page.count('<span class="badge warn">A2</span>') == 2
    assert "Show all 1 with a suggestion" in page
    response = await editor.get(f"{SPEECHES}?suggested=true&level=A1&order=most_played&min_plays=30")
    assert response.status_code == 200, response.text
    assert link in response.text
    assert "How are you?" not in response.text
    assert (await editor.get(f"{SPEECHES}/{speeches[0].speech_id}")).status_code == 404
    refused = await editor.get(f"{SPEECHES}?min_plays=few")
    assert refused.status_code == 422
    assert "Min plays should be a valid integer" in refused.text


async def test_exported_tables_contain_the_figures_of_the_api(
    figures: None, editor: httpx.AsyncClient, read: Read
) -> None:
    overview = await read(f"{API}/overview", by=editor, **PERIOD)
    days = await read_csv(editor, f"{ANALYTICS}/days.csv{QUERY}")
    assert [(row["Day"], int(row["Sessions"])) for row in days] == [
        (day["date"], day["sessions"]) for day in overview["days"]
    ]
    assert days[18]["Average duration in seconds"] == "300.2"
    [level] = await read_csv(editor, f"{ANALYTICS}/levels.csv{QUERY}")
    assert (level["Correct answers"], level["Average of new-2"]) == ("0.9", "75.0")
    [tag] = await read_csv(editor, f"{ANALYTICS}/tags.csv{QUERY}")
    assert tag["Tag"] == f"'{FORMULA}"
    assert len(await read_csv(editor, f"{ANALYTICS}/scores.csv{QUERY}")) == 10
    assert len(await read_csv(editor, f"{ANALYTICS}/phonemes.csv{QUERY}")) == 1
    [cohort] = await read_csv(editor, f"{ANALYTICS}/retention.csv{QUERY}")
    [same] = (await read(f"{API}/retention", by=editor, **PERIOD))["cohorts"]
    assert [int(cohort[f"Week {week}"]) for week in (1, 2)] == same["returned"][:2] == [1, 0]
    hardest, easiest = await read_csv(editor, f"{SPEECHES}/export.csv")
    assert (hardest["Speech"], hardest["Plays"], hardest["Adjusted rate"]) == ("Good morning.", "90", "0.4")
    assert (hardest["Suggested level"], easiest["Suggested level"]) == ("A2", "")


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("from=2026-03-02&to=2026-03-01", "from", "From must not be after to."),
        ("from=2024-01-01&to=2026-03-01", "from", "From must be less than 366 days before to."),
        ("from=1.3.2026", "from", "From must be a date, such as 2026-01-31."),
        ("to=2026-02-30", "to", "To should be a valid date"),
        ("to=1999-12-31", "to", "To should be greater than or equal to 2000-01-01."),
        ("to=%00", "to", "To must be a date"),
        ("tz=Nowhere/Land", "tz", "Time zone must be the IANA name"),
        ("tz=" + "x" * 70, "tz", "Time zone should have at most 64 characters."),
    ],
)
async def test_an_invalid_period_is_explained_next_to_its_field(
    editor: httpx.AsyncClient, query: str, field: str, text: str
) -> None:
    response = await editor.get(f"{ANALYTICS}?{query}")
    assert response.status_code == 422
    assert re.search(rf'<p class="errors" id="period-{field}-problem">{text}', response.text), response.text
    assert f'aria-invalid="true" aria-describedby="period-{field}-problem"' in response.text
    assert "<canvas" not in response.text
    assert (await editor.get(f"{ANALYTICS}/days.csv?{query}")).status_code == 422


async def test_fields_and_presets_show_the_requested_period(editor: httpx.AsyncClient) -> None:
    page = (await editor.get(f"{ANALYTICS}?tz=Pacific/Kiritimati")).text
    today = datetime.now(UTC) + timedelta(hours=14)
    assert f'type="date" value="{today:%Y-%m-%d}"' in page
    assert "&lt;script&gt;" in (await editor.get(f"{ANALYTICS}?tz=<script>")).text
    [current] = re.findall(r'<a [^>]*aria-current="true">(.*?)</a>', page.partition('class="presets"')[2])
    assert current == "30 days"


async def test_the_page_reports_a_period_without_sessions(editor: httpx.AsyncClient) -> None:
    response = await editor.get(ANALYTICS)
    assert response.status_code == 200
    for text in (
        "There were no sessions and no registrations in this period.",
        "No speech has been played yet.",
    ):
        assert text in response.text
    assert "<canvas" not in response.text
    assert await read_csv(editor, f"{ANALYTICS}/levels.csv") == []
    assert await read_csv(editor, f"{SPEECHES}/export.csv") == []


async def test_only_editors_and_admins_can_open_analytics(
    app: FastAPI, token_for: TokenFor, client: httpx.AsyncClient
) -> None:
    paths = (ANALYTICS, f"{ANALYTICS}/days.csv", SPEECHES, f"{SPEECHES}/export.csv")
    async with api_client(app, token=token_for(uuid4(), "admin", csrf="x")) as admin:
        for path in paths:
            assert (await admin.get(path)).status_code == 200
            assert (await client.get(path)).status_code == 403
            assert (await admin.get(path, headers={"Authorization": ""})).status_code == 401
        assert (await admin.get(f"{ANALYTICS}/users.csv")).status_code == 404
        assert (await admin.post(ANALYTICS)).status_code in (403, 405)


async def test_the_chart_library_is_served_by_the_service(figures: None, editor: httpx.AsyncClient) -> None:
    page = (await editor.get(ANALYTICS, params=PERIOD)).text
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert all(text == "" for _, text in scripts)
    sources = [re.findall(r'src="(.*?)"', attributes)[0] for attributes, _ in scripts]
    assert all(source.startswith("/admin/game/statics/") for source in sources)
    [library] = [source for source in sources if "Chart.bundle.js" in source]
    response = await editor.get(library)
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "Chart.js v4." in response.text[:200]
    assert 'style="' not in page
