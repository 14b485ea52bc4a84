"""The HTTP routes of the content service."""

from content.api import editors, learners

routers = (learners.router, editors.router)
