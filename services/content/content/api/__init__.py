"""The HTTP routes of the content service."""

from content.api import draws, speeches

routers = (draws.router, speeches.router)
