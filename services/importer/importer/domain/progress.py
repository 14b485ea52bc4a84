import re

VERSION = re.compile(r"[0-9]{1,10}", re.ASCII)


def find_seen_version(last_event_id: str, *, newest: int) -> int:
    """Return the version that a client has seen, or 0 if its id is invalid."""
    if not VERSION.fullmatch(last_event_id):
        return 0
    seen_version = int(last_event_id)
    return seen_version if seen_version <= newest else 0
