"""Speeches in the panel: recordings, search, bulk actions, and input that survives the end of a session."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from playwright.async_api import Page, StorageState, expect

from deploy.local.stack import Stack
from tests.browser.chromium import Enter, Visitor
from tests.browser.files import drop
from tests.browser.lessons import add_speech, add_tag
from tests.browser.panel import (
    SPEECHES,
    Account,
    choose,
    confirm,
    create_editor,
    fill_sign_on,
    sign_on,
    tab_to,
)
from tests.journey import RECORDINGS, REFERENCE, Learner

pytestmark = [pytest.mark.journey, pytest.mark.browser]

GOOD = RECORDINGS / "good.wav"


async def list_texts(admin: Learner, word: str) -> list[str]:
    speeches = (await admin.get("/admin/speeches", search=word, archived="all")).json()["speeches"]
    return [speech["text"] for speech in speeches]


async def fill_in(page: Page, text: str) -> None:
    await page.get_by_label("Text").fill(text)
    await page.get_by_label("Level").select_option("B2")
    await page.get_by_label("Type").select_option("question")


async def upload(page: Page, recording: Path = GOOD) -> None:
    # It is hidden until its script has started.
    await expect(page.locator("[data-recording]")).to_be_visible()
    await page.get_by_label("Choose a file").set_input_files(recording)
    await expect(page.get_by_text("The recording is uploaded.")).to_be_visible()


async def count_drawn(page: Page) -> int:
    """Return how many pixels of the waveform are drawn."""
    count: int = await page.locator("canvas").evaluate(
        "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
        ".filter((value, at) => at % 4 === 3 && value).length"
    )
    return count


async def test_a_speech_is_created_with_its_recording_changed_and_deleted(
    window: Visitor, admin: Learner
) -> None:
    page, word, tag = window.page, uuid4().hex, await add_tag(admin)
    await page.goto(SPEECHES)
    await page.get_by_role("link", name="New speech").click()
    await fill_in(page, f"Where is {word}?")
    await choose(page, "Tags", tag["name"])
    await upload(page)
    assert await count_drawn(page) > 0
    await page.get_by_role("button", name="Play the recording").click()
    await page.get_by_role("button", name="Pause the recording").click()
    position = page.get_by_role("slider", name="Position in the recording")
    await position.press("End")
    await expect(position).to_have_attribute("aria-valuenow", re.compile("^[1-9]"))
    await page.get_by_role("button", name="Save").dblclick()
    await expect(page.get_by_text("The speech was created.")).to_be_visible()
    assert await list_texts(admin, word) == [f"Where is {word}?"]

    await page.get_by_role("link", name="Edit").click()
    await expect(page.get_by_role("button", name="Play the recording")).to_be_visible()
    await page.get_by_role("button", name=f"Remove {tag['name']}").click()
    await page.get_by_label("Level").select_option("C1")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.locator("dd").get_by_text("C1", exact=True)).to_be_visible()
    await expect(page.get_by_text(tag["name"])).to_have_count(0)
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Deleted.")).to_be_visible()
    assert await list_texts(admin, word) == []


async def test_a_speech_is_changed_archived_and_deleted_by_keyboard(window: Visitor, admin: Learner) -> None:
    page, word, tag = window.page, uuid4().hex, await add_tag(admin)
    await add_speech(admin, f"Keys of {word}.")
    await page.goto(f"{SPEECHES}?search={word}")
    await tab_to(page, page.get_by_role("link", name=f"Keys of {word}."))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Edit"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("combobox", name="Tags"))
    await page.keyboard.type(tag["name"])
    await expect(page.locator("[role=option]")).to_have_count(1)
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="Save"))
    await page.keyboard.press("Enter")
    await expect(page.locator("dd").filter(has_text=tag["name"])).to_be_visible()
    await tab_to(page, page.get_by_role("button", name="Archive"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="Continue"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Changed: 1.")).to_be_visible()
    await page.goto(f"{SPEECHES}?search={word}&archived=true")
    await page.get_by_role("link", name=f"Keys of {word}.").press("Enter")
    await tab_to(page, page.get_by_role("link", name="Delete"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="Delete"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Deleted.")).to_be_visible()
    assert await list_texts(admin, word) == []


async def mark_missing(system: Stack, speech: Mapping[str, Any]) -> None:
    """Mark the recording missing. The monitor of the storage would reset the mark of an existing one."""
    server = system.plan.addresses.postgres_url.rpartition("/")[0]
    connection = await asyncpg.connect(f"{server}/content")
    await connection.execute(
        "UPDATE speeches SET audio_missing_since = now(), audio_key = 'seed/gone.mp3' WHERE id = $1",
        speech["id"],
    )
    await connection.close()


async def test_speeches_are_searched_and_filtered(system: Stack, window: Visitor, admin: Learner) -> None:
    page, word, tag = window.page, f"w{uuid4().hex}", await add_tag(admin)
    plain = await add_speech(admin, f"Plain {word} trains.", tag)
    deleted = await add_speech(admin, f"Gone {word} trains.", tag, level="C2", type="question")
    old = await add_speech(admin, f"Old {word} trains.", tag)
    await admin.client.put(
        f"/api/v1/admin/speeches/{old['id']}", json={"archived": True}, headers=admin.headers
    )
    await mark_missing(system, deleted)

    async def assert_found(*speeches: Mapping[str, Any]) -> None:
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("status").filter(has_text="found")).to_contain_text(str(len(speeches)))
        for speech in speeches:
            await expect(page.get_by_role("link", name=speech["text"])).to_be_visible()

    await page.goto(SPEECHES)
    await page.get_by_label("Search the texts").fill(f'train "{word}"')
    await assert_found(plain, deleted)
    await page.get_by_label("Level").select_option("C2")
    await page.get_by_label("Type").select_option("Question")
    await assert_found(deleted)
    await page.get_by_role("link", name="Clear").click()
    await choose(page, re.compile("^Tag$"), tag["name"])
    await assert_found(plain, deleted)
    await page.get_by_label("State").select_option("Both")
    await assert_found(plain, deleted, old)
    await page.get_by_label("State").select_option("Archived")
    await assert_found(old)
    await page.get_by_label("State").select_option("Both")
    await page.get_by_label("Recording", exact=True).select_option("Missing")
    await assert_found(deleted)
    await expect(page.get_by_role("row").filter(has_text=deleted["text"])).to_contain_text(
        "Recording missing"
    )
    await page.get_by_label("Level").select_option("A1")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("Nothing matches your search.")).to_be_visible()


async def test_selected_speeches_are_tagged_and_archived_together(window: Visitor, admin: Learner) -> None:
    page, word, tag = window.page, uuid4().hex, await add_tag(admin)
    for number in range(3):
        await add_speech(admin, f"Many {word} {number}.")

    async def choose_all() -> None:
        await page.goto(f"{SPEECHES}?search={word}&archived=all")
        await page.get_by_role("checkbox", name="Choose all rows of this page").check()
        await expect(page.get_by_text("3 selected")).to_be_visible()

    await page.goto(f"{SPEECHES}?search={word}")
    await page.get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("Choose at least one row first.")).to_be_visible()
    await page.get_by_role("button", name="Archive").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await choose_all()
    await page.get_by_role("button", name="Add tag").click()
    await expect(page.get_by_text("Choose a tag first.")).to_be_visible()
    # The selection is preserved.
    await choose(page, "Tag to add or remove", tag["name"])
    await page.get_by_role("button", name="Add tag").click()
    await expect(page.get_by_text("Changed: 3.")).to_be_visible()
    await expect(page.get_by_label("Search the texts")).to_have_value(word)
    await choose_all()
    await page.get_by_role("button", name="Archive").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Archive").click()
    await confirm(page)
    await expect(page.get_by_text("Changed: 3.")).to_be_visible()
    await page.goto(f"{SPEECHES}?tag={tag['id']}&archived=true")
    await expect(page.get_by_role("status").filter(has_text="3 speeches found")).to_be_visible()


async def test_recordings_of_a_list_are_played_one_at_a_time(
    system: Stack, window: Visitor, admin: Learner
) -> None:
    page, word = window.page, uuid4().hex
    for number in range(2):
        await add_speech(admin, f"Play {word} {number}.")
    await page.goto(f"{SPEECHES}?search={word}")
    first, second = [page.get_by_role("button", name=f"Play: Play {word} {number}.") for number in range(2)]
    await first.click()
    await expect(page.get_by_role("button", name=f"Stop: Play {word} 0.")).to_be_visible()
    await second.click()
    await expect(first).to_be_visible()
    await page.get_by_role("button", name=f"Stop: Play {word} 1.").click()
    await expect(second).to_be_visible()
    # It ends after its last sample, and a recording that cannot be played shows an error.
    await first.click()
    await expect(first).to_be_visible()
    window.expected_statuses.add(403)
    await second.evaluate("(button) => { button.dataset.audio += 'x'; }")
    await second.click()
    await expect(page.get_by_role("button", name=f"Cannot be played: Play {word} 1.")).to_be_disabled()


async def test_markup_in_a_text_is_escaped(window: Visitor, admin: Learner) -> None:
    page, word = window.page, uuid4().hex
    text = f"<script>alert('{word}')</script> & <b>bold</b>"
    speech = await add_speech(admin, text)
    await page.goto(f"{SPEECHES}?search={word}")
    await expect(page.get_by_role("link", name=text)).to_be_visible()
    await expect(page.get_by_role("button", name=f"Play: {text}")).to_be_visible()
    for address in ("", "/delete"):
        await page.goto(f"{SPEECHES}/{speech['id']}{address}")
        await expect(page.get_by_role("heading", name=text)).to_be_visible()
    await page.goto(f"{SPEECHES}/{speech['id']}/edit")
    await expect(page.get_by_label("Text")).to_have_value(text)


async def test_errors_are_shown_next_to_their_fields(window: Visitor) -> None:
    page = window.page
    await page.goto(f"{SPEECHES}/create")
    for name, content, text in (
        ("notes.txt", b"text", "notes.txt is not an MP3, WAV or M4A file."),
        ("empty.wav", b"RIFF", "The file's content is not MP3, WAV or M4A"),
    ):
        await page.get_by_label("Choose a file").set_input_files(
            {"name": name, "mimeType": "audio/wav", "buffer": content}
        )
        await expect(page.get_by_role("alert")).to_contain_text(text)
    await drop(page.locator("[data-drop]"), {"one.wav": b"RIFF", "two.wav": b"RIFF"})
    await expect(page.get_by_role("alert")).to_contain_text("A speech has one recording.")
    window.expected_statuses.add(422)
    await page.get_by_role("button", name="Save").click()
    for label, text in (
        ("Text", "Enter the spoken text."),
        ("Level", "Choose a level."),
        ("Type", "Choose a type."),
    ):
        await expect(page.get_by_label(label)).to_have_accessible_description(re.compile(text))
    await expect(page.get_by_text("Upload or record the audio.")).to_be_visible()


async def test_typed_text_survives_an_error(window: Visitor) -> None:
    page, text = window.page, f"Unfinished {uuid4().hex}."
    await page.goto(f"{SPEECHES}/create")
    await page.get_by_label("Text").fill(text)
    tags = page.get_by_role("combobox", name="Tags").and_(page.locator("input"))
    await tags.fill("not taken from the list")
    await page.get_by_role("button", name="Save").click()
    await expect(tags).to_be_focused()
    await expect(tags).to_have_value("not taken from the list")
    await tags.fill("")
    window.expected_statuses.add(422)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nothing was saved yet.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Your input was not saved and has been restored.")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value(text)


async def test_two_editors_of_one_speech_lose_no_changes(
    enter: Enter, window: Visitor, admin_state: StorageState, admin: Learner
) -> None:
    speech, other = await add_speech(admin, f"First {uuid4().hex}."), await enter(state=admin_state)
    for visitor in (window, other):
        await visitor.page.goto(f"{SPEECHES}/{speech['id']}/edit")
    await window.page.get_by_label("Level").select_option("C2")
    await window.page.get_by_role("button", name="Save").click()
    await expect(window.page.get_by_text("Saved.")).to_be_visible()

    page, text = other.page, f"Second {uuid4().hex}."
    other.expected_statuses.add(409)
    await page.get_by_label("Text").fill(text)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Another editor has changed this")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value(text)
    await expect(page.get_by_label("Text")).to_have_accessible_description(re.compile("Stored value: First"))
    await expect(page.get_by_label("Level")).to_have_accessible_description(re.compile("Stored value: C2"))
    await page.get_by_role("button", name="Save my version").click()
    await expect(page.get_by_role("heading", name=text)).to_be_visible()


async def test_a_recording_is_compared_with_the_text(window: Visitor) -> None:
    page = window.page
    # The last two texts are refused.
    window.expected_statuses.add(422)
    await page.goto(f"{SPEECHES}/create")
    await upload(page)
    check, result = (
        page.get_by_role("button", name="Compare with the text"),
        page.locator("[data-result]"),
    )
    await check.click()
    await expect(page.get_by_role("alert")).to_contain_text("Enter the text first")
    for text, response in (
        (REFERENCE, "Every word was recognized."),
        (REFERENCE.replace("passport", "umbrella"), "umbrella"),
        ("Completely different words are written here today.", "does not seem to match the text"),
        ("I lost my паспорт at the airport.", "The word 'паспорт' cannot be pronounced"),
    ):
        await page.get_by_label("Text").fill(text)
        await check.click()
        await expect(result).to_contain_text(response)
    await page.get_by_label("Text").fill(REFERENCE)
    await check.click()
    await page.get_by_role("button", name="Play “passport”").click()
    await expect(page.get_by_role("button", name="Pause the recording")).to_be_visible()


async def test_a_recording_of_the_microphone_is_uploaded(window: Visitor) -> None:
    page = window.page
    await page.goto(f"{SPEECHES}/create")
    await page.get_by_role("button", name="Record", exact=True).click()
    await expect(page.get_by_text("Recording… Read the text aloud.")).to_be_visible()
    await asyncio.sleep(1)
    await page.get_by_role("button", name="Stop recording").click()
    await expect(page.get_by_text("The recording is uploaded.")).to_be_visible()
    assert await count_drawn(page) > 0


async def test_typed_text_survives_the_end_of_the_session(
    visitor: Visitor, editor: Account, admin: Learner
) -> None:
    page, word, tag = visitor.page, uuid4().hex, await add_tag(admin)
    await sign_on(visitor, editor, f"{SPEECHES}/create")
    await fill_in(page, f"Kept {word}.")
    await choose(page, "Tags", tag["name"])
    await upload(page)
    await visitor.context.clear_cookies()
    await page.get_by_role("button", name="Save").click()
    await fill_sign_on(visitor, editor.email, editor.password)
    await expect(page.get_by_text("Your input was not saved and has been restored.")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value(f"Kept {word}.")
    await expect(page.get_by_label("Level")).to_have_value("B2")
    await expect(page.get_by_role("button", name=f"Remove {tag['name']}")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The speech was created.")).to_be_visible()
    assert await list_texts(admin, word) == [f"Kept {word}."]
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_list_keeps_its_search_and_filters_after_the_end_of_the_session(
    visitor: Visitor, editor: Account, admin: Learner
) -> None:
    page, word = visitor.page, uuid4().hex
    await add_speech(admin, f"Chosen {word}.")
    await sign_on(visitor, editor, f"{SPEECHES}?search={word}&level=B1")
    await page.get_by_role("checkbox", name=f"Choose Chosen {word}.").check()
    await visitor.context.clear_cookies()
    await page.get_by_role("button", name="Restore").click()
    await fill_sign_on(visitor, editor.email, editor.password)
    await expect(page.get_by_role("link", name=f"Chosen {word}.")).to_be_visible()
    await expect(page.get_by_label("Search the texts")).to_have_value(word)
    await expect(page.get_by_label("Level")).to_have_value("B1")


async def test_typed_text_is_not_shown_to_another_user(
    visitor: Visitor, editor: Account, admin: Learner
) -> None:
    page, colleague = visitor.page, await create_editor(admin)
    await sign_on(visitor, editor, f"{SPEECHES}/create")
    await fill_in(page, "Private.")
    await visitor.context.clear_cookies()
    await page.get_by_role("button", name="Save").click()
    await fill_sign_on(visitor, colleague.email, colleague.password)
    await expect(page.get_by_role("heading", name="New speech")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value("")
    assert await page.evaluate("sessionStorage.length") == 0
