"""The HTTP routes of the content service."""

from content.api import draws, speeches, tags

routers = (tags.router, draws.router, speeches.router, speeches.admin_router, tags.admin_router)
