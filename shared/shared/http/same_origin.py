"""Checks whether a browser's request comes from our own pages."""

from urllib.parse import urlsplit

from starlette.requests import Request


def is_same_origin(request: Request) -> bool:
    """Return whether the request comes from a page of our origin. A request without a referring page does
    not.
    """
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    # Over plain HTTP, browsers send Sec-Fetch-Site to localhost only. TLS ends before us: schemes may differ.
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
