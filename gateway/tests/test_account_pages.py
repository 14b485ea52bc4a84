"""The pages behind the links in e-mails: static, from here alone, and nothing of the link leaves them."""

import re

import httpx
import pytest

from gateway.tests.problems import problem_of

PAGES = ("/account/verify", "/account/reset")
PARTS = {
    "/account/account.css": "text/css; charset=utf-8",
    "/account/account.js": "text/javascript; charset=utf-8",
    "/account/verify.js": "text/javascript; charset=utf-8",
    "/account/reset.js": "text/javascript; charset=utf-8",
}


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert set(re.findall(r'(?:src|href)="(/[^"]*)"', answer.text)) <= set(PARTS)
    assert "//" not in answer.text.replace("<!doctype", "")
    assert "<script>" not in answer.text
    assert "style=" not in answer.text


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_may_run_its_own_script_and_ask_this_server_alone(
    client: httpx.AsyncClient, page: str
) -> None:
    headers = (await client.get(page)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("address", "kind"), PARTS.items())
async def test_a_page_gets_its_parts(client: httpx.AsyncClient, address: str, kind: str) -> None:
    answer = await client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    imported = re.findall(r'from "(/[^"]+)"', answer.text)
    assert set(imported) <= set(PARTS)


async def test_the_token_is_sent_on_a_click_and_to_the_api_alone(client: httpx.AsyncClient) -> None:
    """A scanner that opens the link, even one that runs scripts, does not use it up."""
    script = (await client.get("/account/account.js")).text
    assert script.count("fetch(") == 1
    assert script.index('addEventListener("submit"') < script.index("await send(address")
    sent = [
        re.findall(r'offer\("([^"]+)"', (await client.get(part)).text)
        for part in ("/account/verify.js", "/account/reset.js")
    ]
    assert sent == [["/api/v1/auth/email/verify"], ["/api/v1/auth/password/reset"]]


@pytest.mark.parametrize("address", ["/account", "/account/", "/account/verify.html", "/account/../static"])
async def test_there_is_nothing_beside_them(client: httpx.AsyncClient, address: str) -> None:
    assert problem_of(await client.get(address))["code"] == "not_found"
