"""Formats of values in lists and details."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from markupsafe import Markup

NONE = "–"  # noqa: RUF001 - the dash of an empty cell


def show(value: Any) -> str | Markup:
    """Return a formatted value. The template escapes text."""
    if value is None or value == "":
        return Markup('<span class="quiet">{}</span>').format(NONE)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return show_time(value)
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    return _show_other(value)


def _show_other(value: Any) -> str | Markup:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, UUID):
        return Markup("<code>{}</code>").format(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    is_list = (
        isinstance(value, Iterable) and not isinstance(value, str) and type(value).__str__ is object.__str__
    )
    return ", ".join(map(str, value)) if is_list else str(value)


def show_time(moment: datetime) -> Markup:
    """Show a time in UTC; a script converts it to the visitor's time zone."""
    moment = moment.astimezone(UTC)
    text = f"{moment:%-d %b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), text)


def show_duration(milliseconds: float | None) -> str:
    """Show a duration: 1.2 s, 3:05 min."""
    if milliseconds is None:
        return NONE
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{int(milliseconds // 60_000)}:{int(milliseconds % 60_000 // 1000):02} min"


FILTERS: dict[str, Callable[..., Any]] = {"show": show, "time": show_time, "duration": show_duration}
