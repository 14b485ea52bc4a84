"""Authorisation in the panel. SQLAdmin calls the two backends; the gate has verified the token."""

from collections.abc import Mapping
from typing import Any

from sqladmin.authentication import AuthenticationBackend
from sqladmin.authorization import AuthorizationBackend
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import Unauthorized
from shared.security.current_user import Principal, Role

type Roles = frozenset[Role]

EDITORS: Roles = frozenset({"editor", "admin"})
"""Editors and admins: the roles that can sign on to the panel."""
ADMINS: Roles = frozenset({"admin"})


def get_principal(request: Request) -> Principal:
    """Return the user of a page. Raises Unauthorized."""
    principal = find_principal(request)
    if principal is None:
        raise Unauthorized("Your session has ended. Sign in again.")
    return principal


def find_principal(request: Request) -> Principal | None:
    principal: Principal | None = getattr(request.state, "panel_principal", None)
    return principal


class PanelAuthentication(AuthenticationBackend):
    def __init__(self) -> None:
        # The gateway handles the panel's session; the base class would keep one in a signed cookie.
        self.middlewares = []

    async def login(self, request: Request) -> Response | bool:
        return False

    async def logout(self, request: Request) -> Response | bool:
        return False

    async def authenticate(self, request: Request) -> Response | bool:
        get_principal(request)
        return True

    async def get_user_id(self, request: Request) -> Any:
        return get_principal(request).id


class PanelAuthorization(AuthorizationBackend):
    """Roles by view and action. Anything a view has not granted is refused."""

    def __init__(self) -> None:
        self._roles: dict[str, Roles] = {}
        self._exceptions: dict[tuple[str, str], Roles] = {}

    def grant(self, identity: str, roles: Roles, exceptions: Mapping[str, Roles]) -> None:
        self._roles[identity] = roles
        self._exceptions |= {(identity, str(action)): allowed for action, allowed in exceptions.items()}

    def has_permission(self, request: Request, identity: str, action: str, obj: Any | None = None) -> bool:
        principal, default = find_principal(request), self._roles.get(identity, frozenset())
        # An exception can only restrict the permissions of the view's roles.
        allowed = default & self._exceptions.get((identity, str(action)), default)
        return principal is not None and principal.role in allowed
