"""The one navigation over the pages of all services."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.panel.access import ADMINS, EDITORS, Roles
from shared.security.current_user import Role


class Entry(NamedTuple):
    title: str
    address: str
    roles: Roles
    prefixes: tuple[str, ...]
    """Addresses of the pages that belong to it."""


def _create_entry(title: str, address: str, roles: Roles, *others: str) -> Entry:
    return Entry(title, address, roles, (address, *others))


AUDIT_PAGES = {name: f"/admin/{name}/audit" for name in ("auth", "content", "game", "importer")}
NAVIGATION = (
    _create_entry("Speeches", "/admin/content/speeches", EDITORS),
    _create_entry("Tags", "/admin/content/tags", EDITORS),
    _create_entry("Imports", "/admin/importer/imports", EDITORS),
    _create_entry("Learners", "/admin/auth/learners", ADMINS),
    _create_entry("Sessions", "/admin/game/sessions", EDITORS),
    _create_entry("Analytics", "/admin/game/analytics", EDITORS, "/admin/game/speeches"),
    _create_entry("Audit", AUDIT_PAGES["content"], ADMINS, *AUDIT_PAGES.values()),
)


def list_entries(role: Role) -> Sequence[Entry]:
    return [entry for entry in NAVIGATION if role in entry.roles]


def is_current(entry: Entry, path: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in entry.prefixes)
