"""The pages of e-mail links load nothing from other sites, run nothing inline, and leak no token."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from gateway.tests.envoy import Gateway
from gateway.tests.problems import read_problem

PAGES = {"/account/verify": "/api/v1/auth/email/verify", "/account/reset": "/api/v1/auth/password/reset"}
"""The address to which each page sends the token."""
ASSETS = {
    "/account/account.css": "text/css; charset=utf-8",
    "/account/account.js": "text/javascript; charset=utf-8",
    "/account/verify.js": "text/javascript; charset=utf-8",
    "/account/reset.js": "text/javascript; charset=utf-8",
}
LINKS = re.compile(r'(?:src|href)="(/[^"]*)"|from "(/[^"]*)"')


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def list_attributes(self, *tags: str) -> list[dict[str, str | None]]:
        """Return the attributes of the elements with these names."""
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.mark.parametrize("address", PAGES)
async def test_the_policy_of_a_page_allows_only_its_own_files(
    address: str, client: httpx.AsyncClient
) -> None:
    response = await client.get(address)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    (policy,) = response.headers.get_list("content-security-policy")
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert {
        name: directives.pop(name) for name in ("script-src", "style-src", "connect-src")
    } == dict.fromkeys(("script-src", "style-src", "connect-src"), "'self'")
    assert directives.pop("img-src") == "data:"
    assert directives.keys() == {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert set(directives.values()) == {"'none'"}


@pytest.mark.parametrize("address", PAGES)
async def test_a_page_has_nothing_that_its_policy_forbids(address: str, client: httpx.AsyncClient) -> None:
    elements = Elements((await client.get(address)).text)
    assert all(script["src"] for script in elements.list_attributes("script"))
    assert not elements.list_attributes("style")
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in elements.found if "style" in attributes]


async def test_pages_and_scripts_load_only_files_of_the_gateway(client: httpx.AsyncClient) -> None:
    texts = [(await client.get(address)).text for address in (*PAGES, *ASSETS)]
    paths = {path for text in texts for pair in LINKS.findall(text) for path in pair if path}
    assert paths == set(ASSETS)
    assert not [text for text in texts if re.search(r"https?:|[\"'(]//", text)]


@pytest.mark.parametrize(("address", "kind"), ASSETS.items())
async def test_the_assets_of_the_pages_are_served(address: str, kind: str, client: httpx.AsyncClient) -> None:
    response = await client.get(address)
    assert (response.status_code, response.headers["content-type"]) == (200, kind)
    assert response.text


@pytest.mark.parametrize("address", PAGES)
async def test_pages_are_accessible_to_screen_readers(address: str, client: httpx.AsyncClient) -> None:
    elements = Elements((await client.get(address)).text)
    assert [page["lang"] for page in elements.list_attributes("html")] == ["en"]
    assert (
        len(elements.list_attributes("main"))
        == len(elements.list_attributes("h1"))
        == len(elements.list_attributes("title"))
        == 1
    )
    assert [
        region["role"] for region in elements.list_attributes("div") if region.get("id") == "message"
    ] == ["status"]
    labelled = {label["for"] for label in elements.list_attributes("label")}
    assert {field["id"] for field in elements.list_attributes("input")} == labelled
    passwords = [field for field in elements.list_attributes("input") if field["type"] == "password"]
    kind = "new-password" if address == "/account/reset" else "current-password"
    assert {field["autocomplete"] for field in passwords} == {kind}


async def test_opening_a_page_does_not_use_the_token(client: httpx.AsyncClient) -> None:
    """Mail scanners open every link: only the button sends the token, and only from the fragment."""
    for address, route in PAGES.items():
        script = (await client.get(f"{address}.js")).text
        assert f'offer("{route}", {{' in script
    shared = (await client.get("/account/account.js")).text
    assert "location.hash" in shared
    assert "location.search" not in shared
    assert shared.count("fetch(") == shared.count("await send(") == 1
    listeners = shared.count('addEventListener("submit"') + shared.count('addEventListener("click"')
    assert shared.count("await submit(") == listeners == 2
    assert "innerHTML" not in shared


async def test_the_confirm_page_offers_to_reject_the_account(client: httpx.AsyncClient) -> None:
    page, script = [(await client.get(f"/account/verify{kind}")).text for kind in ("", ".js")]
    assert "I did not create this account" in page
    assert [button.get("type") for button in Elements(page).list_attributes("button")] == [None, "button"]
    assert '"/api/v1/auth/email/reject"' in script


async def test_a_token_in_the_query_of_a_page_is_not_logged(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    await client.get("/account/verify?token=mistaken-for-a-fragment")
    assert "mistaken-for-a-fragment" not in gateway.output.read_text()


@pytest.mark.parametrize("address", ["/account", "/account/", "/account/verify/", "/account/verify.html"])
async def test_other_addresses_under_account_are_not_found(address: str, client: httpx.AsyncClient) -> None:
    assert read_problem(await client.get(address))["code"] == "not_found"


async def test_requests_for_the_pages_are_limited(client: httpx.AsyncClient) -> None:
    responses = [await client.head("/account/account.css") for _ in range(60)]
    assert 429 in {response.status_code for response in responses}
