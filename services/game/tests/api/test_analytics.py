import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechRef, SpeechSnapshot
from contracts.game import SessionCompleted, SessionDeleted
from fastapi import FastAPI
from game.commands import analytics, sessions
from game.commands.activity import add_daily_activity
from game.commands.analytics import count_registration, count_waiting_sessions
from game.commands.sessions import delete_session, save_session
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.errors import SessionNotFound
from game.models import AuditEntry, Base, DailyActivity, DailyLevel, SpeechFigures
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate
from shared.data.db import Database
from shared.security.jwt import SigningKeys, StaticKeys
from shared.testing import TokenFor, api_client, outbox_events
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]
type Save = Callable[..., Awaitable[str]]
type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]

OVERVIEW = "/api/v1/admin/analytics/overview"
RETENTION = "/api/v1/admin/analytics/retention"
SPEECHES = "/api/v1/admin/analytics/speeches"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MONDAY = date(2026, 3, 2)
TAG = UUID(int=1)
PERIOD = {"from": "2026-03-10", "to": "2026-03-10"}
PHONEMES = [["AH", 30, 2400.0], ["TH", 30, 1500.0]]
FIGURES = [
    mapper.class_
    for mapper in Base.registry.mappers
    if mapper.class_.__module__.startswith("game.models.")
    and mapper.class_.__tablename__.startswith(("daily_", "speech_figures", "speech_scores"))
]


@pytest.fixture
async def editor(app: FastAPI, token_for: TokenFor) -> Any:
    async with api_client(app, token=token_for(uuid4(), role="editor")) as client:
        yield client


async def count(database: Database) -> None:
    """Count sessions and deliver their events, as the worker does."""
    async with database.transaction() as session:
        await count_waiting_sessions(session)
        for event in await outbox_events(session, SessionCompleted):
            await add_daily_activity(session, event.data)


async def read_figures(database: Database) -> dict[str, list[Any]]:
    """Return all rows with non-zero figures, by table."""
    async with database.transaction() as session:
        figures_by_name = {}
        for model in FIGURES:
            rows = await session.execute(select(model.__table__).order_by(*model.__table__.primary_key))
            figures = {c.name for c in model.__table__.columns} - {
                c.name for c in model.__table__.primary_key
            }
            figures_by_name[model.__tablename__] = [
                dict(row)
                for row in rows.mappings()
                if any(row[name] for name in figures - {"level", "measured_rate"})
            ]
    return figures_by_name


@pytest.fixture
async def played(save: Save, learner: UUID, new_body: NewBody, new_receipt: NewReceipt) -> str:
    """The id of a session with a tag, two scorers and phonemes."""
    results = new_body()["results"]
    for number, (scorer, score) in enumerate((("new-2", 90.0), ("old-1", 40.0))):
        text = ("Good morning.", "How are you?")[number]
        claims = {"scorer": scorer, "phonemes": PHONEMES} if number == 0 else {"scorer": scorer}
        results[number] |= {
            "receipt": new_receipt(learner, text=text, score=score, **claims),
            "pronunciation_score": score,
        }
    return await save(NOON, results=results, selected_tags=[str(TAG)], duration_seconds=301)


async def test_the_overview_sums_sessions_scores_and_registrations(
    played: str, database: Database, editor: httpx.AsyncClient, read: Read
) -> None:
    await count(database)
    async with database.transaction() as session:
        await count_registration(session, registered_at=NOON)
    overview = await read(OVERVIEW, by=editor, **{"to": "2026-03-10"})
    assert (overview["from"], overview["to"], len(overview["days"])) == ("2026-02-09", "2026-03-10", 30)
    figures = {"active_learners": 1, "registrations": 1, "sessions": 1, "sentences": 3, "correct": 2}
    assert overview["days"][-1] == {"date": "2026-03-10", **figures, "seconds": 301}
    assert overview["days"][-2] == {"date": "2026-03-09", **dict.fromkeys(figures, 0), "seconds": 0}
    assert overview["average_session_seconds"] == 301.0
    assert overview["registrations"] == 1
    new = {"scorer": "new-2", "scores": 1, "average": 90.0}
    old = {"scorer": "old-1", "scores": 1, "average": 40.0}
    assert overview["scores"] == [
        new | {"distribution": [0] * 9 + [1]},
        old | {"distribution": [0] * 4 + [1] + [0] * 5},
    ]
    sums = {"sessions": 1, "sentences": 3, "correct_rate": 1.0, "scores": [new, old]}
    assert overview["levels"] == [{"level": "A1", **sums}]
    assert overview["tags"] == [{"id": str(TAG), "name": "greetings", **sums}]
    assert overview["hardest_phonemes"] == [
        {"symbol": "TH", "scorer": "new-2", "scores": 30, "average": 50.0},
        {"symbol": "AH", "scorer": "new-2", "scores": 30, "average": 80.0},
    ]


async def test_an_empty_period_has_zero_figures(editor: httpx.AsyncClient, read: Read) -> None:
    empty = await read(OVERVIEW, by=editor, **{"from": "2020-01-01", "to": "2020-01-02"})
    assert [day["sessions"] for day in empty["days"]] == [0, 0]
    assert empty["average_session_seconds"] is None
    assert [empty[name] for name in ("scores", "levels", "tags", "hardest_phonemes")] == [[]] * 4
    assert (await read(RETENTION, by=editor, **PERIOD))["cohorts"] == []
    assert (await read(SPEECHES, by=editor))["speeches"] == []


@pytest.fixture
async def activity(database: Database) -> None:
    """Three learners, last active on the last day, in the last week and in the last month."""
    learners = [uuid4() for _ in range(3)]
    async with database.transaction() as session:
        for learner, ago in zip(learners * 2, (0, 6, 29, 1, 40, 41), strict=True):
            await add_day(session, learner, NOON.date() - timedelta(days=ago))


async def add_day(session: AsyncSession, learner: UUID, day: date) -> None:
    figures = {"sessions": 2, "sentences": 10, "correct": 7, "seconds": 301}
    await session.execute(insert(DailyActivity).values(user_id=learner, day=day, **figures))


async def test_active_learners_are_counted_once(
    activity: None, editor: httpx.AsyncClient, read: Read
) -> None:
    overview = await read(OVERVIEW, by=editor, **{"to": "2026-03-10"})
    assert overview["active_learners"] == {"daily": 1, "weekly": 2, "monthly": 3}
    assert [day["active_learners"] for day in overview["days"][-3:]] == [0, 1, 1]


async def test_cohorts_are_formed_by_the_week_of_the_first_session(
    database: Database, editor: httpx.AsyncClient, read: Read
) -> None:
    days = {0: (0, 7, 8, 21), 1: (6, 13), 2: (0,), 3: (7,), 4: (-1, 0)}
    async with database.transaction() as session:
        for offsets in days.values():
            learner = uuid4()
            for offset in offsets:
                await add_day(session, learner, MONDAY + timedelta(days=offset))
    period = {"from": "2026-03-02", "to": "2026-03-15"}
    cohorts = (await read(RETENTION, by=editor, **period))["cohorts"]
    # A learner whose first session was before the period is in none of its cohorts.
    first, second = ({**cohort, "returned": cohort["returned"][:3]} for cohort in cohorts)
    assert first == {"week": "2026-03-02", "learners": 3, "returned": [2, 0, 1]}
    assert second == {"week": "2026-03-09", "learners": 1, "returned": [0, 0, 0]}


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "2024-01-01", "to": "2026-03-01"}, "from"),
        ({"from": "x"}, "from"),
        ({"to": "12"}, "to"),
        ({"tz": "Nowhere/Land"}, "tz"),
    ],
)
@pytest.mark.parametrize("path", [OVERVIEW, RETENTION])
async def test_an_invalid_period_is_refused(
    editor: httpx.AsyncClient, path: str, params: dict[str, str], name: str, refused: Refused
) -> None:
    assert await refused(path, by=editor, **params) == f"#/query/{name}"


@pytest.mark.parametrize("path", [OVERVIEW, RETENTION, SPEECHES])
async def test_learners_cannot_read_analytics(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 403


async def test_the_longest_first_and_last_periods_are_accepted(editor: httpx.AsyncClient, read: Read) -> None:
    for period in ({"from": "2000-01-01", "to": "2000-12-31"}, {"from": "2999-01-01", "to": "2999-12-31"}):
        assert len((await read(OVERVIEW, by=editor, **period))["days"]) >= 365
        assert (await read(RETENTION, by=editor, **period))["cohorts"] == []


async def test_sessions_count_on_the_learners_local_day(save: Save, database: Database) -> None:
    late = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    await save(late)
    await save(late.astimezone(timezone(timedelta(hours=9))))
    await count(database)
    async with database.transaction() as session:
        days = list(await session.scalars(select(DailyLevel.day).order_by(DailyLevel.day)))
    assert days == [date(2026, 3, 10), date(2026, 3, 11)]


async def test_counting_again_changes_nothing(played: str, database: Database) -> None:
    await count(database)
    before = await read_figures(database)
    async with database.transaction() as session:
        assert await count_waiting_sessions(session) is False
    assert await read_figures(database) == before
    assert all(before[name] for name in ("speech_figures", "daily_tag_scores", "daily_phonemes"))


async def test_counting_reports_whether_sessions_remain(
    save: Save, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(3):
        await save(NOON + timedelta(hours=hour))
    monkeypatch.setattr(analytics, "MAX_CHUNK_SESSIONS", 2)
    async with database.transaction() as session:
        assert [await count_waiting_sessions(session) for _ in range(2)] == [True, False]
        assert list(await session.scalars(select(DailyLevel.sessions))) == [3]


@pytest.mark.parametrize("is_counted", [True, False])
async def test_a_deleted_session_is_subtracted_from_all_figures(
    played: str, database: Database, learner: UUID, read: Read, is_counted: bool
) -> None:
    admin = uuid4()
    if is_counted:
        await count(database)
    async with database.transaction() as session:
        await delete_session(session, UUID(played), actor=admin)
        (deleted,) = await outbox_events(session, SessionDeleted)
        (entry,) = await session.scalars(select(AuditEntry))
    if not is_counted:
        # SessionCompleted arrives after the deletion.
        await count(database)
    assert not any((await read_figures(database)).values())
    assert (await read("/api/v1/game/stats"))["sessions"] == 0
    assert (deleted.data.session_id, deleted.data.user_id) == (UUID(played), learner)
    assert [result.user_response for result in deleted.data.results] == ["correct", "correct", "skipped"]
    assert (entry.action, entry.subject_id, entry.actor_id) == ("session_deleted", UUID(played), admin)


async def test_a_session_can_be_deleted_once(played: str, database: Database) -> None:
    await count(database)
    async with database.transaction() as session:
        await delete_session(session, UUID(played), actor=uuid4())
    for missing in (UUID(played), uuid4()):
        with pytest.raises(SessionNotFound):
            async with database.transaction() as session:
                await sessions.delete_session(session, missing, actor=uuid4())


async def test_concurrent_counts_and_deletions_give_correct_sums(
    committed_database: Database,
    catalogue: list[SpeechSnapshot],
    new_body: NewBody,
    receipt_keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, receipts = committed_database, ReceiptVerifier(StaticKeys(receipt_keys.public))
    monkeypatch.setattr(analytics, "MAX_CHUNK_SESSIONS", 3)
    async with database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=NOON)

    async def save() -> UUID:
        async with database.transaction() as session:
            new = SessionCreate.model_validate(new_body())
            return (await save_session(session, uuid4(), new=new, key=None, receipts=receipts)).session.id

    async def count_chunk() -> None:
        async with database.transaction() as session:
            await count_waiting_sessions(session)

    async def delete(session_id: UUID) -> None:
        async with database.transaction() as session:
            await delete_session(session, session_id, actor=uuid4())

    ids = [await save() for _ in range(10)]
    await asyncio.gather(*(count_chunk() for _ in range(2)), *map(delete, ids[:2]))
    await asyncio.gather(count_chunk(), *map(delete, ids[2:4]))
    for _ in range(4):
        await count_chunk()
    async with database.transaction() as session:
        (level,) = await session.scalars(select(DailyLevel))
        plays = list(await session.scalars(select(SpeechFigures.plays)))
    assert (level.sessions, level.sentences, level.answered, level.correct) == (6, 18, 12, 12)
    assert sorted(plays) == [6, 6]


async def test_a_speech_that_does_not_match_its_level_has_a_suggestion(
    speeches: list[SpeechSnapshot], database: Database, editor: httpx.AsyncClient, read: Read
) -> None:
    figures = [(30, 3), (100, 100), (40, 32)]
    async with database.transaction() as session:
        level = {"level": "A1", "sessions": 40, "sentences": 400, "answered": 400, "correct": 300}
        await session.execute(insert(DailyLevel).values(day=NOON.date(), seconds=1, **level))
        for speech, (plays, correct) in zip(speeches, figures, strict=True):
            row = {"speech_id": speech.speech_id, "level": "A1", "plays": plays, "correct": correct}
            await session.execute(insert(SpeechFigures).values(**row))
    page = await read(SPEECHES, by=editor)
    assert [speech["text"] for speech in page["speeches"]] == [
        "Good morning.",
        "See you soon.",
        "How are you?",
    ]
    hardest = page["speeches"][0]
    assert (hardest["correct_rate"], hardest["measured_rate"], hardest["level_rate"]) == (0.1, 0.275, 0.75)
    # There is no level below A1 to suggest for an easy speech.
    assert [speech["suggested_level"] for speech in page["speeches"]] == ["A2", None, None]
    suggested = await read(SPEECHES, by=editor, suggested="true", level="A1")
    assert [speech["text"] for speech in suggested["speeches"]] == ["Good morning."]
    assert (await read(SPEECHES, by=editor, level="B1"))["pagination"]["total"] == 0


@pytest.mark.parametrize("sort", ["hardest", "easiest", "most_played"])
async def test_pages_list_every_speech_once(
    speeches: list[SpeechSnapshot], database: Database, editor: httpx.AsyncClient, read: Read, sort: str
) -> None:
    async with database.transaction() as session:
        for speech in speeches:
            row = {"speech_id": speech.speech_id, "level": "A1", "plays": 10, "correct": 5}
            await session.execute(insert(SpeechFigures).values(**row))
    listed_ids, cursor = [], None
    while True:
        page = await read(SPEECHES, by=editor, sort=sort, limit=1, **({"cursor": cursor} if cursor else {}))
        listed_ids += [speech["id"] for speech in page["speeches"]]
        if (cursor := page["pagination"]["next_cursor"]) is None:
            break
    assert sorted(listed_ids) == sorted(str(speech.speech_id) for speech in speeches)


async def test_figures_follow_the_level_and_the_deletion_of_a_speech(
    played: str, database: Database, speeches: list[SpeechSnapshot], editor: httpx.AsyncClient, read: Read
) -> None:
    await count(database)
    updated = speeches[0].model_copy(update={"revision": 2, "level": "B2"})
    async with database.transaction() as session:
        await store_speech_revision(session, updated, since=NOON)
    (of_level,) = (await read(SPEECHES, by=editor, level="B2"))["speeches"]
    assert of_level["id"] == str(updated.speech_id)
    async with database.transaction() as session:
        deletion = SpeechRef(speech_id=updated.speech_id, revision=3)
        await record_speech_deletion(session, deletion, deleted_at=NOON)
    assert (await read(SPEECHES, by=editor, level="B2"))["speeches"] == []


async def test_only_admins_can_read_the_audit_log(
    app: FastAPI, token_for: TokenFor, editor: httpx.AsyncClient, read: Read
) -> None:
    assert (await editor.get("/api/v1/admin/game/audit")).status_code == 403
    async with api_client(app, token=token_for(uuid4(), role="admin")) as admin:
        assert (await read("/api/v1/admin/game/audit", by=admin))["entries"] == []
