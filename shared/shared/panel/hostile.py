"""Bad input for all pages of a panel, for the tests of services.

assert await attack(app, browser, rows={"tags": tag_id}, fields=("into_tag_id",)) == []
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.routing import Route

from shared.data.audit_log import AuditEntry
from shared.panel.actions import find_actions
from shared.panel.form_data import CSRF_FIELD, FORM, MAX_FIELDS, OWN_FIELDS, SUBMISSION_FIELD
from shared.panel.panel import Panel
from shared.panel.views import ResourceView
from shared.testing import find_hidden_fields

CSRF = "known"
"""The CSRF value required by the browser's token."""
HEADERS = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
ABSENT = UUID("01a218d8-0000-7000-8000-000000000000")
BAD_IDS = ("x", "%00", "%ff", "1", f"urn:uuid:{ABSENT}", "x" * 10_000, str(ABSENT))
EDGES = ("", "x" * 10_000, "%00", "%ff", "-1", "1" * 40, str(ABSENT))
"""Values as encoded in a URL or form. One is not UTF-8."""
LIST_PARAMETERS = ("search", "sort", "page", "cursor", "done", "count")
OTHER_PARAMETERS = ("key", "session", "next", "done")
FILE = b'--x\r\nContent-Disposition: form-data; name="ids"; filename="a.exe"\r\n\r\nMZ\xff\x00\r\n--x--\r\n'


class RequestBody(NamedTuple):
    content: bytes
    content_type: str = FORM


class Target(NamedTuple):
    """A URL that accepts a form, and its field names. `page` shows the form, `row` is selected."""

    address: str
    names: Sequence[str] = ()
    page: str = ""
    row: UUID = ABSENT


def list_queries(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield from (f"{name}={edge}" for edge in EDGES)
        yield f"{name}=1&{name}=2"
    yield "x=1&" * 2_000
    yield "%ff=%ff&%00"


def list_bodies(valid: Mapping[str, str]) -> Iterator[RequestBody]:
    """Return forms with missing, repeated, unknown and invalid fields, and bodies that are not forms."""
    encoded = urlencode(valid)
    for name in valid:
        others = urlencode({key: value for key, value in valid.items() if key != name})
        yield RequestBody(others.encode())
        yield RequestBody(f"{encoded}&{name}=again".encode())
        edges = EDGES[:2] if name in OWN_FIELDS else EDGES
        yield from (RequestBody(f"{others}&{name}={edge}".encode()) for edge in edges)
    for suffix in ("&foreign=1", "&%ff=%ff", "&%00=1", "&f=1" * MAX_FIELDS):
        yield RequestBody((encoded + suffix).encode())
    yield from (RequestBody(content) for content in (b"", b"\xff\xfe\x00", b"&&=&=;", b"[" * 15_000))
    yield RequestBody(b'{"csrf_token": ["x"]}', "application/json")
    yield RequestBody(FILE, "multipart/form-data; boundary=x")
    yield RequestBody(FILE, "multipart/form-data")
    yield from (
        RequestBody(encoded.encode(), kind) for kind in ("text/plain", "", "x", f"{FORM}; charset=utf-7")
    )


def list_targets(panel: Panel, rows: Mapping[str, UUID], fields: Sequence[str]) -> Iterator[Target]:
    """Return all URLs of the panel that accept a form."""
    for view in panel.resources.values():
        addresses = [view.build_address(row) for row in (rows.get(view.path), ABSENT) if row]
        if view.can_create:
            yield Target(
                view.build_address("create"), _list_fields(view, "form_create"), view.build_address("create")
            )
        for slug in find_actions(type(view)):
            row = rows.get(view.path, ABSENT)
            yield Target(view.build_address("actions", slug), ("ids", *fields), row=row)
        for page in addresses:
            if view.can_edit:
                yield Target(f"{page}/edit", _list_fields(view, "form_edit"), f"{page}/edit")
        # Deletion comes last, because deleted rows can no longer be changed.
        yield from (Target(f"{page}/delete", (), f"{page}/delete") for page in addresses)
    for route in panel.admin.router.routes:
        if isinstance(route, Route) and "{identity}" not in route.path and "POST" in (route.methods or ()):
            yield Target(panel.prefix + route.path, fields)


def _list_fields(view: ResourceView, name: str) -> Sequence[str]:
    form = getattr(view, name, None)
    return list(form()._fields) if form else ()


def list_pages(panel: Panel, rows: Mapping[str, UUID]) -> Iterator[str]:
    """Return all readable URLs with bad ids and bad queries."""
    for view in panel.resources.values():
        names = (*LIST_PARAMETERS, *(list_filter.name for list_filter in view.filters))
        pages = {
            view.build_address(): names,
            view.build_address("lookup"): ("term",),
            view.build_address("export.csv"): names[:4],
        }
        pages |= {
            view.build_address(row): ("done", "count") for path, row in rows.items() if path == view.path
        }
        yield from (f"{page}?{query}" for page, read in pages.items() for query in list_queries(read))
        yield from (f"{view.build_address()}?sort={column.name}&page=1000000" for column in view.columns)
        yield from (view.build_address(row + page) for row in BAD_IDS for page in ("", "/edit", "/delete"))
        yield from (view.build_address(page) for page in ("create", "actions/x", "x/y", "export.csv/x"))
    for route in panel.admin.router.routes:
        if isinstance(route, Route) and "{identity}" not in route.path:
            address = panel.prefix + route.path.replace("{", "").replace("}", "")
            yield from (f"{address}?{query}" for query in list_queries(OTHER_PARAMETERS))


async def attack(
    app: FastAPI, browser: httpx.AsyncClient, *, rows: Mapping[str, UUID], fields: Sequence[str] = ()
) -> list[str]:
    """Send bad input to all URLs of the panel. Returns the failures.

    `rows` are ids by the paths of their views, `fields` the names that only actions read.
    """
    panel = find_panel(app)
    browser.headers.update(HEADERS)
    pages = [view.build_address() for view in panel.resources.values()]
    pages += [panel.resources[path].build_address(row) for path, row in rows.items()]
    failed = [page for page in pages if (await browser.get(page)).status_code != 200]
    failed += [
        f"GET {address[:200]}: {response.status_code}"
        for address in list_pages(panel, rows)
        if (response := await browser.get(address)).status_code >= 500
    ]
    for target in list_targets(panel, rows, fields):
        failed += await attack_form(panel, browser, target)
    return failed


async def attack_route(
    browser: httpx.AsyncClient, method: str, path: str, *, fields: Sequence[str]
) -> list[str]:
    """Send bad input to a route that belongs to no view. Returns the failures."""
    browser.headers.update(HEADERS)
    address = path.replace("{", "").replace("}", "").replace(":path", "")
    requests = [(f"{address}?{query}", RequestBody(b"")) for query in list_queries(OTHER_PARAMETERS)]
    requests += [(address, body) for body in list_bodies(dict.fromkeys((*fields, *OWN_FIELDS), "x"))]
    failed = []
    for target, body in requests:
        headers = {"Content-Type": body.content_type}
        response = await browser.request(method, target, content=body.content, headers=headers)
        if response.status_code >= 500:
            failed.append(f"{method} {target[:200]} {body.content[:200]!r}: {response.status_code}")
    return failed


async def attack_form(panel: Panel, browser: httpx.AsyncClient, target: Target) -> list[str]:
    failed = []
    page = await browser.get(target.page) if target.page else None
    hidden = find_hidden_fields(page.text) if page is not None and page.status_code == 200 else {}
    values = dict.fromkeys(target.names, str(target.row))
    defaults = {**dict.fromkeys(OWN_FIELDS, "x"), **values, CSRF_FIELD: CSRF, **hidden}
    defaults[SUBMISSION_FIELD] = str(uuid4())
    for body in list_bodies(defaults):
        content = body.content.replace(defaults[SUBMISSION_FIELD].encode(), str(uuid4()).encode())
        # Lets bodies that are not forms pass the gate.
        headers = {"Content-Type": body.content_type, "X-CSRF-Token": CSRF}
        response = await browser.post(target.address, content=content, headers=headers)
        if response.status_code >= 500:
            failed.append(f"POST {target.address} {content[:200]!r}: {response.status_code}")
        if response.status_code == 303:
            before = await count_changes(panel)
            await browser.post(target.address, content=content, headers=headers)
            if await count_changes(panel) != before:
                failed.append(f"POST {target.address} {content[:200]!r}: done twice")
    return failed


async def count_changes(panel: Panel) -> int:
    async with panel.transaction() as session:
        return (await session.execute(select(func.count()).select_from(AuditEntry))).scalar_one()


def find_panel(app: FastAPI) -> Panel:
    panels = (middleware.kwargs.get("panel") for middleware in app.user_middleware)
    return next(panel for panel in panels if isinstance(panel, Panel))
