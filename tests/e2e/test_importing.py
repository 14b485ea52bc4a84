"""An editor imports recordings and a table and undoes the import, through the gateway and across services."""

import asyncio
import csv
import io
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.importing import ENDED, follow, start, start_table, upload, wait_for_end
from tests.journey import Learner

pytestmark = pytest.mark.journey


@pytest.mark.timed
async def test_the_speeches_of_an_import_are_drawn_until_it_is_undone(
    admin: Learner, learner: Learner
) -> None:
    tag = f"tag {uuid4().hex}"
    session_id = await upload(admin, "one.mp3", "two.mp3")
    rows = [[f"{name}.mp3", f"This is number {name}.", "C2", "question", tag] for name in ("one", "two")]
    path = await start(admin, session_id, rows)
    last = await wait_for_end(admin, path)
    completed_at = time.monotonic()
    assert (last["state"], last["success_count"], last["error_count"]) == ("completed", 2, 0), last

    tags = (await learner.get("/tags")).json()["tags"]
    [tag_id] = [listed_tag["id"] for listed_tag in tags if listed_tag["name"] == tag]
    body = {"level": "C2", "tags": [tag_id]}
    while (drawn := await learner.post("/game/speeches/random", body)).status_code == 404:
        assert time.monotonic() - completed_at < 2
        await asyncio.sleep(0.05)
    speeches = drawn.json()["speeches"]
    assert {speech["text"] for speech in speeches} == {"This is number one.", "This is number two."}
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(speeches[0]["audio_url"])).status_code == 200

    undone = await admin.post(path.removeprefix("/api/v1") + "/undo", None)
    assert (undone.status_code, undone.json()["state"]) == (202, "undoing")
    last = await wait_for_end(admin, path)
    assert (last["state"], last["deleted_count"], last["archived_count"]) == ("undone", 2, 0)
    assert (await learner.post("/game/speeches/random", body)).status_code == 404
    audit = await admin.get("/admin/import/audit", subject_id=path.rpartition("/")[2])
    assert [entry["action"] for entry in audit.json()["entries"]] == [
        "import_undone",
        "import_undo_requested",
        "import_completed",
        "import_created",
    ]


async def test_a_client_that_reconnects_misses_nothing(admin: Learner) -> None:
    path = await start(
        admin, await upload(admin, "a.mp3"), [["a.mp3", f"Hello {uuid4()}.", "A1", "answer", ""]]
    )
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not events or events[-1]["state"] not in ENDED:
            # The connection breaks after every event.
            async for event in follow(admin, path, str(events[-1]["version"]) if events else ""):
                events.append(event)
                break
    versions = [event["version"] for event in events]
    assert versions == sorted(set(versions))
    assert events[-1]["state"] == "completed"
    again = await admin.client.get(
        f"{path}/events", headers={**admin.headers, "Last-Event-ID": str(versions[-1])}
    )
    assert again.status_code == 204


async def test_a_table_with_errors_is_reported_and_changes_nothing(admin: Learner, learner: Learner) -> None:
    text = f"This is row {uuid4().hex}."
    session_id = await upload(admin, "good.mp3")
    rows = [["good.mp3", text, "A1", "answer", ""], ["missing.mp3", "=1+1", "Z9", "answer", ""]]
    path = await start(admin, session_id, rows)
    assert (await wait_for_end(admin, path))["state"] == "rejected"
    report_response = (await admin.get(path.removeprefix("/api/v1"))).json()
    assert {
        (problem["row"], problem["code"])
        for problem in report_response["errors"]
        if problem["severity"] == "error"
    } == {
        (3, "audio_missing"),
        (3, "unknown_level"),
    }
    report = await admin.client.get(f"{path}/errors.csv", headers=admin.headers)
    assert report.status_code == 200
    assert report.content.startswith(b"\xef\xbb\xbf")
    header, valid_row, invalid_row = csv.reader(io.StringIO(report.content.decode("utf-8-sig")))
    assert header == ["audio_filename", "text", "level", "type", "tags", "error_codes", "errors"]
    assert (valid_row[1], valid_row[5]) == (text, "")
    assert (invalid_row[1], set(invalid_row[5].split("; "))) == ("'=1+1", {"audio_missing", "unknown_level"})
    search = await admin.get("/admin/speeches", search=f'"{text}"')
    assert search.json()["speeches"] == []
    assert (await learner.get(path.removeprefix("/api/v1"))).status_code == 403


async def test_a_dry_run_only_checks(admin: Learner) -> None:
    session_id = await upload(admin, "a.mp3")
    rows = [["a.mp3", f"Hello {uuid4().hex}.", "A1", "answer", ""]]
    last = await wait_for_end(admin, await start(admin, session_id, rows, dry_run="true"))
    assert (last["state"], last["success_count"]) == ("completed", 1)
    assert (await admin.get("/admin/speeches", search=rows[0][1].split()[1][:-1])).json()["speeches"] == []
    assert (await wait_for_end(admin, await start(admin, session_id, rows)))["state"] == "completed"


HEADER = b"audio_filename,text,level\n"


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100, "not_a_table"),
        (b"PK\x03\x04" + bytes(100_000), "unreadable_spreadsheet"),
        (b"\n\n\n", "empty_table"),
        (HEADER, "no_rows"),
        (b"audio_filename;text\na.mp3;Hello.\n", "missing_columns"),
        (b"audio_filename,text,level,colour\n", "unknown_columns"),
        (HEADER + b"a.mp3,Hel\x00lo.,A1\n", "not_a_table"),
        (b"," * 1_000_000, "empty_table"),
        (b"x," * 500_000, "too_many_columns"),
        (HEADER + b'a.mp3,"' + b"x" * 50_000_000 + b'",A1\n', "cell_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_that_is_not_a_table_fails_with_a_reason(
    admin: Learner, table: bytes, code: str
) -> None:
    session_id = await upload(admin, "a.mp3")
    last = await wait_for_end(admin, await start_table(admin, session_id, table))
    assert (last["state"], last["failure"]["code"]) == ("failed", code), last
    assert last["failure"]["detail"].endswith(".")
