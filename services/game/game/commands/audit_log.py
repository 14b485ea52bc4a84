from shared.data import audit_log

from game.types import AuditAction

record: audit_log.Recorder[AuditAction] = audit_log.record
