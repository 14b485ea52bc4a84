import re

from fastapi import Request
from starlette.responses import Response

from auth.settings import ApiSettings

WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{43}")


def read_cookie(request: Request) -> str | None:
    """Return the cookie if it may be one of ours."""
    cookie = request.cookies.get(_get_name(request.app.state.settings), "")
    return cookie if WELL_FORMED.fullmatch(cookie) else None


def has_cookie(request: Request) -> bool:
    return _get_name(request.app.state.settings) in request.cookies


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    settings: ApiSettings = request.app.state.settings
    # Without a maximum age: the server ends the session, and can say so.
    response.set_cookie(
        _get_name(settings), cookie, path="/", secure=_is_secure(settings), httponly=True, samesite="strict"
    )


def delete_cookie(request: Request, response: Response) -> None:
    settings: ApiSettings = request.app.state.settings
    response.delete_cookie(
        _get_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="strict"
    )


def _is_secure(settings: ApiSettings) -> bool:
    # Browsers refuse secure cookies over plain HTTP, which the embedded run uses.
    return settings.environment != "development"


def _get_name(settings: ApiSettings) -> str:
    # The prefix makes browsers refuse one that another host or an unencrypted page has set.
    return "__Host-parley_admin" if _is_secure(settings) else "parley_admin"
