import re

from fastapi import Request
from starlette.responses import Response

from auth.settings import ApiSettings

COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def read_cookie(request: Request) -> str | None:
    """Return the cookie if it is well-formed."""
    cookie = request.cookies.get(_get_cookie_name(request.app.state.settings), "")
    return cookie if COOKIE_VALUE.fullmatch(cookie) else None


def has_cookie(request: Request) -> bool:
    return _get_cookie_name(request.app.state.settings) in request.cookies


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    settings: ApiSettings = request.app.state.settings
    # No maximum age: the server ends the session, and then can tell the user so.
    response.set_cookie(
        _get_cookie_name(settings),
        cookie,
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="strict",
    )


def delete_cookie(request: Request, response: Response) -> None:
    settings: ApiSettings = request.app.state.settings
    response.delete_cookie(
        _get_cookie_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="strict"
    )


def _is_secure(settings: ApiSettings) -> bool:
    # Browsers refuse secure cookies over plain HTTP, which the embedded run uses.
    return settings.environment != "development"


def _get_cookie_name(settings: ApiSettings) -> str:
    # The prefix makes browsers refuse a cookie of this name set by another host or an unencrypted page.
    return "__Host-parley_admin" if _is_secure(settings) else "parley_admin"
