"""Actions on chosen rows run once and return to the same page of the list."""

import html
import re
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI

from tests.shared.panel.demo import ABSENT, CSRF, FORM, NOTES, count_notes


async def test_an_action_needs_no_page_to_edit(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(f"/admin/content/log/{ABSENT}/edit")).status_code == 404
    response = await browser.post("/admin/content/log/actions/read", data={"csrf_token": CSRF, "ids": ABSENT})
    assert (response.status_code, response.headers["location"]) == (303, "/admin/content/log?done=updated")


async def test_an_action_runs_once_and_reports_its_result(browser: httpx.AsyncClient, app: FastAPI) -> None:
    before = await count_notes(app)
    form = {**FORM, "submission_id": str(uuid4()), "ids": [str(uuid4()), str(uuid4())]}
    first = await browser.post(f"{NOTES}/actions/mark", data=form)
    second = await browser.post(f"{NOTES}/actions/mark", data=form)
    assert "2 notes were marked." in (await browser.get(first.headers["location"])).text
    assert "saved once" in (await browser.get(second.headers["location"])).text
    assert await count_notes(app) == before + 2


async def test_a_refused_action_is_not_reported_as_done(browser: httpx.AsyncClient) -> None:
    for query, tone in (("marked&count=1", "success"), ("none_chosen", "warning")):
        assert f'class="message {tone}"' in (await browser.get(f"{NOTES}?done={query}")).text


async def test_an_action_returns_to_the_same_search_filters_and_page(
    browser: httpx.AsyncClient, write_note: Any
) -> None:
    await write_note()
    page = (await browser.get(f"{NOTES}?author=a%26b&done=updated&page=3&other=1")).text
    [address] = set(re.findall(r'formaction="([^"]+/mark[^"]*)"', page))
    assert address == f"{NOTES}/actions/mark?author=a%26b&amp;page=3"
    address = html.unescape(address)
    form: dict[str, Any] = {"csrf_token": CSRF, "submission_id": str(uuid4())}
    for count, query in ((0, "done=none_chosen"), (1, "count=1&done=marked"), (1, "done=repeated")):
        response = await browser.post(address, data=form | {"ids": [ABSENT] * count})
        assert response.headers["location"] == f"{NOTES}?author=a%26b&page=3&{query}"
