"""Changes other than create, edit and delete: buttons that send a form."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response

ACTION_ATTRIBUTE = "_panel_action"

type Handler = Callable[[Any, Request, Sequence[UUID]], Awaitable[Response]]


@dataclass(frozen=True)
class Action:
    slug: str
    label: str
    confirmation: str = ""
    is_for_many: bool = True
    is_dangerous: bool = False
    permission: str = "edit"
    """The action's key in the view's `permissions`, independent of `can_edit`."""
    needs: str = ""
    """The list's field that must have a value. If it is empty, the page shows the refusal `no_value`."""


def post_action(
    slug: str,
    label: str,
    *,
    confirmation: str = "",
    is_for_many: bool = True,
    is_dangerous: bool = False,
    permission: str = "edit",
    needs: str = "",
) -> Callable[[Handler], Handler]:
    """Offer a method for selected rows of a list, and on a row's page. It is called only by POST."""
    action = Action(slug, label, confirmation, is_for_many, is_dangerous, permission, needs)

    def mark(handler: Handler) -> Handler:
        setattr(handler, ACTION_ATTRIBUTE, action)
        return handler

    return mark


def find_actions(view: type) -> dict[str, tuple[Action, Handler]]:
    """Return the actions of a view's class, in the order of their definition."""
    actions: dict[str, tuple[Action, Handler]] = {}
    for base in reversed(view.__mro__):
        for member in vars(base).values():
            if action := getattr(member, ACTION_ATTRIBUTE, None):
                actions[action.slug] = (action, member)
    return actions


def find_refusal(action: Action, ids: Sequence[UUID], form: Mapping[str, Any]) -> str:
    """Return the code of the refusal, or an empty string if the form has all that the action needs."""
    if not ids:
        return "none_chosen"
    return "no_value" if action.needs and not form.get(action.needs) else ""


def preserve_query(response: Response, request: Request, *, list_address: str) -> Response:
    """If the response redirects to the list, keep the list's search, filters and page."""
    target = URL(response.headers.get("location", ""))
    if target.path == list_address:
        query = urlencode({**request.query_params, **dict(parse_qsl(target.query))})
        response.headers["location"] = str(target.replace(query=query))
    return response
