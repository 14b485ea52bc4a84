from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechRef, SpeechSnapshot
from fastapi import FastAPI
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.commands.users import erase_user
from game.queries.sessions import SessionCursor
from hypothesis import given
from hypothesis import strategies as st
from shared.data.db import Database
from shared.errors import Invalid
from shared.testing import TokenFor, api_client

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Save = Callable[..., Awaitable[str]]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]

SESSIONS, STATS, OVERVIEW = "/api/v1/game/sessions", "/api/v1/game/stats", "/api/v1/admin/analytics/overview"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def list_ids(page: dict[str, Any]) -> list[str]:
    return [session["id"] for session in page["sessions"]]


async def test_pages_and_cursors_list_each_session_once(save: Save, read: Read) -> None:
    # Sessions completed at the same instant are ordered by id.
    saved = [await save(NOON + timedelta(hours=hours)) for hours in (0, 1, 1, 3, 2)]
    newest_first = [saved[3], saved[4], *sorted((saved[1], saved[2]), reverse=True), saved[0]]
    assert list_ids(await read(SESSIONS)) == newest_first
    by_page = [list_ids(await read(SESSIONS, limit=2, page=number)) for number in (1, 2, 3, 4)]
    assert by_page == [newest_first[:2], newest_first[2:4], newest_first[4:], []]
    page = await read(SESSIONS, limit=2)
    followed = [list_ids(page)]
    while cursor := page["pagination"]["next_cursor"]:
        page = await read(SESSIONS, limit=2, cursor=cursor)
        followed.append(list_ids(page))
    assert followed == by_page[:3]
    assert page["pagination"] == {
        "page": 3,
        "limit": 2,
        "total": 5,
        "total_pages": 3,
        "total_is_exact": True,
        "next_cursor": None,
    }


async def test_a_list_without_sessions_is_an_empty_page(read: Read) -> None:
    page = await read(SESSIONS)
    assert page["sessions"] == []
    assert page["pagination"]["total"] == page["pagination"]["total_pages"] == 0
    assert page["pagination"]["next_cursor"] is None


async def test_sessions_are_filtered_by_day_level_and_mode(save: Save, read: Read) -> None:
    first = await save(datetime(2026, 3, 10, 0, 0, tzinfo=UTC), level="B1")
    last = await save(datetime(2026, 3, 10, 23, 59, 59, 999999, UTC), mode="listen_only")
    other = await save(datetime(2026, 3, 11, 0, 0, tzinfo=UTC))
    day = {"from_date": "2026-03-10", "to_date": "2026-03-10"}
    assert list_ids(await read(SESSIONS, **day)) == [last, first]
    assert list_ids(await read(SESSIONS, from_date="2026-03-11")) == [other]
    assert list_ids(await read(SESSIONS, level="B1")) == [first]
    assert list_ids(await read(SESSIONS, mode="listen_only", **day)) == [last]
    assert (await read(SESSIONS, level="C2"))["pagination"]["total"] == 0


async def test_sessions_are_filtered_by_tag(save: Save, read: Read) -> None:
    tags = [str(UUID(int=number)) for number in (1, 2, 3)]
    both = await save(NOON, selected_tags=tags[:2])
    second = await save(NOON + timedelta(hours=1), selected_tags=tags[1:2])
    await save(NOON)
    filtered_ids = [list_ids(await read(SESSIONS, tag_id=tag)) for tag in tags]
    assert filtered_ids == [[both], [second, both], []]
    assert list_ids(await read(SESSIONS, tag_id=tags[0], level="C2")) == []


async def test_filters_and_progress_use_the_same_days(save: Save, read: Read) -> None:
    in_tokyo = await save(datetime(2026, 3, 10, 8, tzinfo=timezone(timedelta(hours=9))))
    unknown = await save(datetime(2026, 3, 9, 23, 30, tzinfo=UTC))
    for tz, days in (("UTC", {9: [unknown], 10: [in_tokyo]}), ("Europe/Berlin", {10: [unknown, in_tokyo]})):
        by_day = (await read(STATS, tz=tz))["by_day"]
        assert {int(day["date"][-2:]): day["sessions"] for day in by_day} == {
            day: len(sessions) for day, sessions in days.items()
        }
        for day in (9, 10, 11):
            period = {"from_date": f"2026-03-{day:02}", "to_date": f"2026-03-{day:02}", "tz": tz}
            assert list_ids(await read(SESSIONS, **period)) == days.get(day, [])


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tag_id": "greetings"}, "tag_id"),
        ({"tz": "x" * 65}, "tz"),
        ({"page": 0}, "page"),
        ({"page": "x"}, "page"),
        ({"page": 10**20}, "page"),
        ({"page": 1001, "limit": 10}, "page"),
        ({"page": 101, "limit": 100}, "page"),
        ({"limit": 101}, "limit"),
        ({"limit": 0}, "limit"),
        ({"mode": "sing"}, "mode"),
        ({"level": "Z"}, "level"),
        ({"from_date": "yesterday"}, "from_date"),
        ({"from_date": "2026-02-30"}, "from_date"),
        ({"from_date": "1700000000"}, "from_date"),
        ({"to_date": "9999-12-31"}, "to_date"),
        ({"to_date": "2026-03-01T12:00:00Z"}, "to_date"),
        ({"from_date": "2026-03-02", "to_date": "2026-03-01"}, "to_date"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "\0é"}, "cursor"),
        ({"cursor": "A" * 48}, "cursor"),
    ],
)
async def test_the_error_for_an_invalid_filter_names_it(
    params: dict[str, Any], pointer: str, refused: Refused
) -> None:
    assert await refused(SESSIONS, **params) == f"#/query/{pointer}"


async def test_a_cursor_is_bound_to_its_learner_and_filters(
    app: FastAPI, token_for: TokenFor, save: Save, read: Read, refused: Refused
) -> None:
    for _ in range(2):
        await save(NOON)
    cursor = (await read(SESSIONS, limit=1))["pagination"]["next_cursor"]
    assert await refused(SESSIONS, cursor=cursor, level="A1") == "#/query/cursor"
    async with api_client(app, token=token_for(uuid4())) as other:
        assert await refused(SESSIONS, by=other, cursor=cursor) == "#/query/cursor"


async def test_page_numbers_end_at_ten_thousand_sessions(read: Read, client: httpx.AsyncClient) -> None:
    assert (await read(SESSIONS, page=1000, limit=10))["sessions"] == []
    response = await client.get(SESSIONS, params={"page": 1001, "limit": 10})
    assert "at most 1000; follow next_cursor" in response.json()["detail"]


async def test_a_session_is_returned_with_results_and_speeches(
    save: Save, speeches: list[SpeechSnapshot], read: Read
) -> None:
    unknown = str(uuid4())
    session_id = await save(NOON, selected_tags=[str(UUID(int=1)), unknown, str(UUID(int=1))])
    detail = await read(f"{SESSIONS}/{session_id}")
    results = detail.pop("results")
    assert detail.pop("selected_tags") == ["greetings"]
    assert detail == (await read(SESSIONS))["sessions"][0]
    assert [result["sequence_number"] for result in results] == [1, 2, 3]
    speech = results[0].pop("speech")
    assert results[0] == {
        "sequence_number": 1,
        "user_response": "correct",
        "pronunciation_score": 90.0,
        "verified": False,
        "scorer": None,
        "recognized_text": None,
        "response_time_ms": 1000,
    }
    assert speeches[0].audio_key in speech.pop("audio_url")
    assert datetime.fromisoformat(speech.pop("audio_expires_at")) > datetime.now(UTC)
    assert speech == {
        "id": str(speeches[0].speech_id),
        "text": "Good morning.",
        "duration_ms": 1200,
        "level": "A1",
        "type": "answer",
        "tags": [{"id": str(UUID(int=1)), "name": "greetings"}],
    }


async def test_a_verified_score_has_its_scorer(
    learner: UUID, save: Save, new_body: NewBody, new_receipt: NewReceipt, read: Read
) -> None:
    results = new_body()["results"]
    results[0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0, scorer="new-2")
    detail = await read(f"{SESSIONS}/{await save(NOON, results=results)}")
    assert [result["scorer"] for result in detail["results"]] == ["new-2", None, None]


async def test_a_session_shows_speeches_as_they_were_played(
    database: Database, save: Save, speeches: list[SpeechSnapshot], read: Read
) -> None:
    async def get_text(session_id: str) -> str:
        results = (await read(f"{SESSIONS}/{session_id}"))["results"]
        return str(results[0]["speech"]["text"])

    before, between = await save(NOON), await save(NOON + timedelta(days=2))
    long_ago = await save(datetime(2025, 6, 1, tzinfo=UTC))
    second = speeches[0].model_copy(update={"revision": 2, "text": "Good day."})
    third = speeches[0].model_copy(update={"revision": 3, "text": "Good night."})
    async with database.transaction() as session:
        await store_speech_revision(session, third, since=NOON + timedelta(days=3))
        await record_speech_deletion(
            session, SpeechRef(speech_id=third.speech_id, revision=4), deleted_at=NOON + timedelta(days=4)
        )
    assert [await get_text(session_id) for session_id in (before, between)] == [
        "Good morning.",
        "Good morning.",
    ]
    async with database.transaction() as session:
        # The second revision arrives last, but counts from its own time.
        await store_speech_revision(session, second, since=NOON + timedelta(days=1))
    after = await save(NOON + timedelta(days=5))
    texts = [await get_text(session_id) for session_id in (long_ago, before, between, after)]
    assert texts == ["Good morning.", "Good morning.", "Good day.", "Good night."]


async def test_a_session_shows_tags_by_their_names_at_the_time(
    database: Database, save: Save, new_snapshot: Callable[..., SpeechSnapshot], read: Read
) -> None:
    late = UUID(int=2)
    session_id = await save(NOON, selected_tags=[str(UUID(int=1)), str(late)])
    renamed = new_snapshot(tags=[{"id": UUID(int=1), "name": "hellos"}, {"id": late, "name": "late"}])
    async with database.transaction() as session:
        await store_speech_revision(session, renamed, since=datetime.now(UTC))
    assert (await read(f"{SESSIONS}/{session_id}"))["selected_tags"] == ["greetings", "late"]


async def test_a_learner_can_read_only_their_own_sessions(
    client: httpx.AsyncClient, app: FastAPI, token_for: TokenFor, save: Save, read: Read, refused: Refused
) -> None:
    session_id = await save(NOON)
    async with api_client(app, token=token_for(uuid4(), role="admin")) as other:
        response = await other.get(f"{SESSIONS}/{session_id}")
        assert (response.status_code, response.json()["code"]) == (403, "not_your_session")
        assert (await read(SESSIONS, by=other))["sessions"] == []
    response = await client.get(f"{SESSIONS}/{uuid4()}")
    assert (response.status_code, response.json()["code"]) == (404, "session_not_found")
    assert await refused(f"{SESSIONS}/7") == "#/path/session_id"


@pytest.mark.parametrize("path", [SESSIONS, f"{SESSIONS}/{UUID(int=9)}", STATS, OVERVIEW])
async def test_reads_require_an_access_token(app: FastAPI, path: str) -> None:
    async with api_client(app) as anyone:
        assert (await anyone.get(path)).status_code == 401


@pytest.mark.parametrize("path", [SESSIONS, f"{SESSIONS}/{UUID(int=9)}", STATS, OVERVIEW])
async def test_reads_of_an_erased_user_are_refused(
    app: FastAPI, database: Database, token_for: TokenFor, learner: UUID, path: str
) -> None:
    async with database.transaction() as session:
        await erase_user(session, learner)
    async with api_client(app, token=token_for(learner, role="admin")) as erased:
        response = await erased.get(path)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


CURSOR = SessionCursor(datetime(2026, 3, 1, 12, 0, 0, 123456, UTC), uuid4(), 2)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)), st.uuids())
def test_a_cursor_is_unchanged_by_encoding(completed_at: datetime, session_id: UUID) -> None:
    cursor = SessionCursor(completed_at, session_id, 7)
    assert SessionCursor.decode(cursor.encode("mine"), "mine") == cursor


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_arbitrary_text_is_refused_as_cursor(text: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        SessionCursor.decode(text, "mine")


def test_a_cursor_is_bound_to_its_scope() -> None:
    with pytest.raises(Invalid):
        SessionCursor.decode(CURSOR.encode("mine"), "yours")


@given(st.integers(0, 47), st.sampled_from("ABCabc019-_"))
def test_a_changed_cursor_is_refused(place: int, letter: str) -> None:
    text = CURSOR.encode("mine")
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(Invalid):
            SessionCursor.decode(changed, "mine")


def test_a_cursor_with_an_impossible_page_is_refused() -> None:
    forged_cursor = SessionCursor(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1), 2**32 - 1).encode(
        "mine"
    )
    with pytest.raises(Invalid, match="cursor"):
        SessionCursor.decode(forged_cursor, "mine")
