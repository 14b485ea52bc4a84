"""Addresses to which the sign-on leads."""

import re
from urllib.parse import quote, urlsplit

from fastapi import Request

LOGIN, HOME = "/admin/login", "/admin"
MAX_LENGTH = 2048
# No second slash and no backslash: browsers could read a host after it.
OWN_PAGE = re.compile(r"/admin(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*/?(\?[A-Za-z0-9._~%!$&'()*+,;=:@/?\[\]-]*)?")
# They make a page say how a change ended.
OF_A_MESSAGE = {"done", "count"}
WITHOUT_PAGE = re.compile(r"/admin/(login|logout|token)\b.*")


def clean_destination(destination: str) -> str:
    """Return the address if it is one of the panel's own pages, or else that of the first page."""
    path = destination.partition("?")[0]
    is_own = OWN_PAGE.fullmatch(destination) and not {".", ".."} & set(path.split("/"))
    if len(destination) > MAX_LENGTH or not is_own or WITHOUT_PAGE.fullmatch(destination):
        return HOME
    return destination


def login_address(destination: str) -> str:
    """Return the address of the sign-on that leads to a page."""
    cleaned = clean_destination(destination)
    return LOGIN if cleaned == HOME else f"{LOGIN}?next={quote(cleaned, safe='')}"


def find_page(request: Request, target: str) -> str:
    """Return the page that a request was made from or for. What was sent by a form cannot be sent again.

    The page has its filters again, and not the message of an earlier change.
    """
    if request.method in {"GET", "HEAD"}:
        return target
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host"):
        return HOME
    kept = [each for each in referer.query.split("&") if each.partition("=")[0] not in OF_A_MESSAGE]
    return f"{referer.path}?{query}" if (query := "&".join(kept)) else referer.path
