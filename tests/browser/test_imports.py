"""An import in the panel, from dragged files to speeches, and its undo."""

import asyncio
import csv
import io
import re
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest
from openpyxl import Workbook
from playwright.async_api import Page, Route, expect

from tests.browser.accessibility import list_violations
from tests.browser.chromium import PHONE, Enter, Visitor
from tests.browser.files import drop
from tests.browser.panel import Account, sign_on
from tests.importing import AUDIO
from tests.journey import Learner

pytestmark = [pytest.mark.journey, pytest.mark.browser]

IMPORTS = "/admin/importer/imports"
JOB = re.compile("/api/v1/admin/import/jobs/[^/]+$")
ONE, TWO = (path.read_bytes() for path in sorted(AUDIO.glob("*.mp3"))[:2])


def make_table(*rows: tuple[str, str, str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(
        [("audio_filename", "text", "level", "tags"), *((*row, "drag") for row in rows)]
    )
    return text.getvalue().encode()


def make_rows(name: str) -> list[tuple[str, str, str]]:
    # Markup in a text is text.
    return [("one.mp3", f"One <script>{name}</script>.", "B1"), ("two.mp3", f"Two {name}.", "B2")]


async def upload_recordings(page: Page) -> None:
    await drop(page.locator("#recordings-zone"), {"one.mp3": ONE, "two.mp3": TWO, "notes.txt": b"no audio"})
    await expect(page.get_by_text("2 recordings uploaded, 1 refused.")).to_be_visible()
    refused = page.get_by_role("listitem").filter(has_text="notes.txt")
    await expect(refused).to_contain_text("not")
    assert await page.get_by_role("progressbar", name="Upload of one.mp3").get_attribute("value") == "100"


async def import_table(page: Page, table: bytes, button: str = "Import") -> None:
    await drop(page.locator("#table-zone"), {"lesson.csv": table})
    await expect(page.locator("#table-name")).to_have_text("lesson.csv")
    await page.get_by_role("button", name=button).dblclick()
    await page.wait_for_url(f"**{IMPORTS}/*-*")


async def import_again(page: Page) -> None:
    await page.get_by_role("link", name="Import with the same recordings").click()
    await page.wait_for_url(f"**{IMPORTS}/create?session=*")


async def download_report(page: Page) -> str:
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download the report").click()
    saved = await download.value
    assert saved.suggested_filename == "lesson-errors.csv"
    return await asyncio.to_thread(Path(await saved.path()).read_text, "utf-8-sig")


async def test_dragged_files_become_speeches_until_the_import_is_undone(
    visitor: Visitor, editor: Account, admin: Learner
) -> None:
    page, name = visitor.page, uuid4().hex
    rows = make_rows(name)
    await sign_on(visitor, editor, IMPORTS)
    await page.get_by_role("link", name="New import").first.click()
    await page.wait_for_url(f"**{IMPORTS}/create")
    await upload_recordings(page)

    await import_table(page, make_table(rows[0], ("tow.mp3", rows[1][1], "D9")))
    await expect(page.locator("#import")).to_contain_text("Has errors")
    row = page.get_by_role("row").filter(has_text="tow.mp3")
    for text in ("No recording with this name", rows[1][1], "D9", "The level must be"):
        await expect(row).to_contain_text(text)
    assert await list_violations(page) == []
    assert "audio_missing" in await download_report(page)

    await import_again(page)
    await import_table(page, make_table(*rows), "Only check the table")
    await expect(page.get_by_text("The table has no errors.")).to_be_visible()
    await import_again(page)
    await import_table(page, make_table(*rows))
    await expect(page.get_by_text("All rows are now speeches.")).to_be_visible()
    speeches = (await admin.get("/admin/speeches", search=name)).json()["speeches"]
    assert {speech["text"] for speech in speeches} == {row[1] for row in rows}

    await page.get_by_role("button", name="Undo").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_role("dialog").get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("Its speeches were removed from the catalogue")).to_be_visible()
    assert (await admin.get("/admin/speeches", search=name)).json()["speeches"] == []


def make_spreadsheet(*rows: tuple[str, str, str]) -> bytes:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in [("audio_filename", "text", "level"), *rows]:
        sheet.append(row)
    workbook.save(content := io.BytesIO())
    return content.getvalue()


def make_archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, recording in files.items():
            archive.writestr(f"lesson/{name}.mp3", recording)
    return content.getvalue()


async def refuse_streams(visitor: Visitor) -> list[str]:
    """Refuse streams, as a proxy may. Returns the addresses that are requested instead."""
    polled: list[str] = []
    visitor.expected_statuses.add(503)

    async def let_follow(route: Route) -> None:
        # An import of two rows may end before its page opens.
        page = await (response := await route.fetch()).text()
        page = page.replace('data-following="false"', 'data-following="true"')
        await route.fulfill(response=response, body=page)

    await visitor.context.route("**/events", lambda route: route.fulfill(status=503, json={}))
    await visitor.context.route(f"**{IMPORTS}/*-*", let_follow, times=1)
    visitor.page.on(
        "request", lambda request: polled.append(request.url) if JOB.search(request.url) else None
    )
    return polled


async def test_an_archive_and_a_spreadsheet_are_followed_without_a_stream(
    visitor: Visitor, editor: Account
) -> None:
    page = visitor.page
    await sign_on(visitor, editor, f"{IMPORTS}/create")
    await drop(page.locator("#recordings-zone"), {"lesson.zip": make_archive(one=ONE, two=TWO)})
    await expect(page.locator("#recordings-summary")).to_have_text("2 recordings uploaded.")
    await drop(page.locator("#table-zone"), {"lesson.xlsx": make_spreadsheet(*make_rows(uuid4().hex))})
    polled = await refuse_streams(visitor)
    await page.get_by_role("button", name="Only check the table").click()
    await expect(page.get_by_text("The table has no errors.")).to_be_visible()
    await expect(page.get_by_text("Spreadsheet")).to_be_visible()
    await expect(page.locator("#import")).to_have_attribute("data-following", "false")
    assert polled


async def test_missing_input_of_an_import_is_shown_next_to_its_field(enter: Enter, editor: Account) -> None:
    visitor = await enter(PHONE)
    page = visitor.page
    await sign_on(visitor, editor, f"{IMPORTS}/create")
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("#recordings-problem")).to_contain_text("Upload the recordings")
    await expect(page.locator("#recordings-problem")).to_be_in_viewport()
    await expect(page.locator("#recordings")).to_be_focused()
    await expect(page.locator("#table-problem")).to_be_empty()
    assert await list_violations(page) == []
    assert await visitor.measure_overflow() <= 0
    await drop(page.locator("#recordings-zone"), {"one.mp3": ONE})
    await expect(page.locator("#recordings-summary")).to_have_text("1 recording uploaded.")
    await expect(page.locator("#recordings-problem")).to_be_empty()
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("#table-problem")).to_have_text("Choose the table.")


async def test_recordings_deleted_during_an_import_are_uploaded_again(
    visitor: Visitor, editor: Account, admin: Learner
) -> None:
    page = visitor.page
    await sign_on(visitor, editor, f"{IMPORTS}/create")
    await drop(page.locator("#recordings-zone"), {"one.mp3": ONE})
    await page.wait_for_url(f"**{IMPORTS}/create?session=*")
    owner = await Learner.sign_in(admin.client, editor.email, editor.password)
    path = f"/api/v1/admin/import/uploads/{page.url.rpartition('=')[2]}"
    assert (await admin.client.delete(path, headers=owner.headers)).status_code == 204
    await drop(page.locator("#table-zone"), {"lesson.csv": make_table(make_rows(uuid4().hex)[0])})
    # It is gone, or still being deleted.
    visitor.expected_statuses |= {404, 410}
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("#recordings-problem")).to_contain_text("upload session")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#recordings-summary")).to_have_text("1 recording uploaded.")
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_text("All rows are now speeches.")).to_be_visible()


async def test_a_session_that_ends_during_an_import_is_explained(visitor: Visitor, editor: Account) -> None:
    await sign_on(visitor, editor, f"{IMPORTS}/create")
    await visitor.context.clear_cookies()
    visitor.expected_statuses.add(401)
    await drop(visitor.page.locator("#recordings-zone"), {"one.mp3": ONE})
    await expect(visitor.page.get_by_text("Your session has ended.")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
