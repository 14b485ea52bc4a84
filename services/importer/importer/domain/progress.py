import re

VERSION = re.compile(r"[0-9]{1,10}", re.ASCII)


def find_seen_version(last_event_id: str, *, newest: int) -> int:
    """Return the version that a client has seen, or 0 if its id is invalid."""
    if not VERSION.fullmatch(last_event_id):
        return 0
    seen = int(last_event_id)
    return seen if seen <= newest else 0
