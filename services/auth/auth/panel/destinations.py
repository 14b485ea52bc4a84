"""Destinations after signing on."""

import re
from urllib.parse import quote, urlsplit

from fastapi import Request

LOGIN, HOME = "/admin/login", "/admin"
MAX_LENGTH = 2048
# No second slash or backslash: browsers could interpret a host after it.
PANEL_PAGE = re.compile(
    r"/admin(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*/?(\?[A-Za-z0-9._~%!$&'()*+,;=:@/?\[\]-]*)?"
)
# Query parameters that make a page show the outcome of a change.
MESSAGE_PARAMETERS = {"done", "count"}
NO_DESTINATION = re.compile(r"/admin/(login|logout|token)\b.*")


def clean_destination(destination: str) -> str:
    """Return the path if it is one of the panel's pages, otherwise the start page."""
    path = destination.partition("?")[0]
    is_own = PANEL_PAGE.fullmatch(destination) and not {".", ".."} & set(path.split("/"))
    if len(destination) > MAX_LENGTH or not is_own or NO_DESTINATION.fullmatch(destination):
        return HOME
    return destination


def create_login_url(destination: str) -> str:
    """Return the URL of the sign-on with a destination."""
    cleaned = clean_destination(destination)
    return LOGIN if cleaned == HOME else f"{LOGIN}?next={quote(cleaned, safe='')}"


def find_return_page(request: Request, target: str) -> str:
    """Return the page to open after signing on: the requested one, or the page of a form that was sent.

    The page keeps its filters, but not the message of an earlier change.
    """
    if request.method in {"GET", "HEAD"}:
        return target
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host"):
        return HOME
    remaining = [
        pair for pair in referer.query.split("&") if pair.partition("=")[0] not in MESSAGE_PARAMETERS
    ]
    return f"{referer.path}?{query}" if (query := "&".join(remaining)) else referer.path
