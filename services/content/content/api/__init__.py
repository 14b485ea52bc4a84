"""The HTTP routes, in the order of a learner's journey."""

from content.api import audit_log, draws, speech_batches, speeches, tags

routers = (
    tags.router,
    draws.router,
    speeches.router,
    speeches.admin,
    speech_batches.admin,
    tags.admin,
    audit_log.admin,
)
