"""The editors' list of speeches: the newest first or, with a search, the best match first."""

from content.search.listing import list_page
from content.search.pages import PageRequest, SpeechIdPage

__all__ = ["PageRequest", "SpeechIdPage", "list_page"]
