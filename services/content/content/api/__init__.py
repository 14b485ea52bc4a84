"""The HTTP routes, in the order of a learner's journey."""

from content.api import audit_log, draws, speeches, tags

routers = (tags.router, draws.router, speeches.router, speeches.admin, tags.admin, audit_log.admin)
