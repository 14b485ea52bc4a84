from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.data.storage import Storage

from content.queries.speeches import SpeechWithStats


@dataclass(frozen=True, kw_only=True)
class SpeechLine:
    """A speech as the panel shows it."""

    id: UUID
    text: str
    level: str
    type: str
    tag_ids: list[str]
    tag_names: list[str]
    audio_key: str
    audio_url: str
    duration_ms: int
    revision: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    import_id: UUID | None
    audio_missing_since: datetime | None
    plays: int
    correct_rate: float | None
    average_score: float | None

    @property
    def state(self) -> str:
        states = ("Archived", self.archived_at), ("Recording missing", self.audio_missing_since)
        return ", ".join(name for name, since in states if since) or "Active"

    @classmethod
    def from_row(cls, row: SpeechWithStats, storage: Storage) -> "SpeechLine":
        speech, stats = row
        played = stats.statistics
        stats_fields = stats._asdict()
        del stats_fields["statistics"]
        return cls(
            id=speech.id,
            text=speech.text,
            level=speech.level,
            type=speech.type,
            tag_ids=[str(tag_id) for tag_id, _ in speech.tags],
            tag_names=[name for _, name in speech.tags],
            audio_key=speech.audio_key,
            audio_url=storage.presign(speech.audio_key).url,
            duration_ms=speech.duration_ms,
            plays=played.plays,
            correct_rate=played.correct_rate,
            average_score=played.average_score,
            **stats_fields,
        )
