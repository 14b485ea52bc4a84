"""Tags."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TagChange:
    """What is to change in a tag; None leaves it as it is."""

    name: str | None = None
    category: str | None = None
