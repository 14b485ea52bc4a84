from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, get_args
from uuid import UUID

from contracts.vocabulary import MAX_SPEECH_TEXT_LENGTH, Level, SpeechType
from shared.data.storage import Storage
from shared.http.pagination import Pagination
from shared.panel import (
    ChangedByOther,
    Column,
    Filter,
    Listing,
    ListQuery,
    LookupField,
    ResourceView,
    get_principal,
    parse,
    post_action,
)
from shared.panel.form_data import VERSION_FIELD, get_form
from sqladmin import expose
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired

from content.audio import measure_recording
from content.commands import speech_batches
from content.commands import speeches as commands
from content.domain.speech_batches import BatchOutcome
from content.domain.speeches import NewSpeech, SpeechChange
from content.errors import UnknownTag
from content.models import Speech
from content.panel.recordings import read_recording
from content.panel.speech_lines import SpeechLine
from content.queries import speeches as queries
from content.queries.tags import list_tag_names
from content.schemas.speech_batches import SpeechBatchUpdate
from content.schemas.speeches import SpeechCreate, SpeechFilter, SpeechUpdate

TAG_LOOKUP = "/admin/content/tags/lookup"
LEVELS = [(level, level) for level in get_args(Level)]
TYPES = [(type, type.capitalize()) for type in get_args(SpeechType)]
SORTS = {
    "text": "text",
    "-text": "-text",
    "plays": "least_played",
    "-plays": "most_played",
    "correct_rate": "hardest",
    "-correct_rate": "easiest",
}


class SpeechForm(Form):
    text = TextAreaField(
        "Text",
        [DataRequired("Enter the spoken text.")],
        description="The text that learners hear and repeat, word for word.",
        render_kw={"maxlength": MAX_SPEECH_TEXT_LENGTH, "rows": 3, "autocomplete": "off"},
    )
    level = SelectField("Level", [DataRequired("Choose a level.")], choices=[("", "Choose…"), *LEVELS])
    type = SelectField("Type", [DataRequired("Choose a type.")], choices=[("", "Choose…"), *TYPES])
    tag_ids = LookupField("Tags", TAG_LOOKUP, description="Type to find a tag.")
    audio_key = StringField(
        "Recording",
        [DataRequired("Upload or record the audio.")],
        render_kw={"autocomplete": "off", "data-audio-key": ""},
    )


class SpeechView(ResourceView, model=Speech):
    path = "speeches"
    name, name_plural = "Speech", "Speeches"
    columns = (
        Column("recording", "Recording", read=lambda speech: speech.duration_ms, template="speech_play.html"),
        Column("text", "Text", is_sortable=True, is_link=True),
        Column("level", "Level"),
        Column("type", "Type", read=lambda speech: speech.type.capitalize()),
        Column("tags", "Tags", read=lambda speech: ", ".join(speech.tag_names)),
        Column("plays", "Plays", is_sortable=True),
        Column("correct_rate", "Correct", is_sortable=True, template="speech_rate.html"),
        Column("state", "State"),
    )
    details = (
        *columns[1:7],
        Column("average_score", "Average score"),
        Column("state", "State"),
        Column("audio_missing_since", "Recording missing since"),
        Column("archived_at", "Archived"),
        Column("created_at", "Created"),
        Column("import_id", "Import", template="speech_origin.html"),
        Column("updated_at", "Changed"),
        Column("revision", "Revision"),
        Column("id", "Id"),
    )
    filters = (
        Filter("level", "Level", LEVELS),
        Filter("type", "Type", TYPES),
        Filter("tag", "Tag", lookup=TAG_LOOKUP),
        Filter("archived", "State", [("true", "Archived"), ("all", "Both")], any_label="Active"),
        Filter("audio", "Recording", [("missing", "Missing")]),
        Filter("import", "Import", link_label="Only this import"),
    )
    search_label = "Search the texts"
    empty_text = "There are no speeches yet. Learners need some to play."
    can_create = can_edit = can_delete = can_export = True
    form_create = form_edit = SpeechForm
    list_template, details_template = "speech_list.html", "speech_details.html"
    create_template, edit_template = "speech_create.html", "speech_edit.html"
    messages: ClassVar = {
        "created": "The speech was created. Learners can draw it within a second.",
        "changed": "Changed: {count}.",
        "some": "Changed: {count}. The others needed no change, no longer exist, or have too many tags.",
        "none": "Nothing was changed: the selected speeches no longer exist, or have too many tags.",
        "same": "Nothing was changed: the selected speeches are already in this state.",
    }
    refusals: ClassVar = {"no_value": "Choose a tag first."}

    @property
    def _storage(self) -> Storage:
        storage: Storage = self.panel.outer.state.storage
        return storage

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        filters = parse(SpeechFilter, _to_filter(query))
        speeches, page = await queries.list_speeches(session, filters)
        pagination = Pagination.from_query(
            filters,
            page=page.page,
            total=page.total,
            total_is_exact=page.total_is_exact,
            next_cursor=page.next_cursor,
        )
        lines = [SpeechLine.from_row(speech, self._storage) for speech in speeches]
        return Listing(lines, pagination, page.max_offset)

    async def get_row(self, session: AsyncSession, row_id: UUID) -> SpeechLine:
        return SpeechLine.from_row(await queries.get_speech_with_stats(session, row_id), self._storage)

    def describe(self, row: SpeechLine) -> str:
        return row.text

    def get_version(self, row: SpeechLine) -> str:
        return str(row.revision)

    async def list_labels(self, session: AsyncSession, name: str, values: Sequence[str]) -> Mapping[str, str]:
        return await list_tag_names(session, values)

    async def insert_model(self, request: Request, data: dict[str, Any]) -> UUID:
        fields = parse(SpeechCreate, data)
        # No database connection is held while waiting for the storage.
        duration_ms = await self._measure(fields.audio_key)
        new = NewSpeech(**dict(fields), duration_ms=duration_ms)
        async with self.transaction(request) as session:
            [speech_id] = await commands.create_speeches(session, [new], actor=get_principal(request).id)
        return speech_id

    async def update_model(self, request: Request, pk: Any, data: dict[str, Any]) -> None:
        values = parse(SpeechUpdate, data).model_dump(exclude_unset=True)
        async with self.panel.transaction() as session:
            stored = await self.get_row(session, pk)
        if values["audio_key"] != stored.audio_key:
            values["duration_ms"] = await self._measure(values["audio_key"])
        async with self.transaction(request) as session:
            row = await self.lock_row(session, pk)
            if get_form(request).get(VERSION_FIELD) != self.get_version(row):
                raise ChangedByOther(row)
            change = SpeechChange(**values)
            await commands.apply_speech_change(session, pk, change, actor=get_principal(request).id)

    async def _measure(self, audio_key: str) -> int:
        return await measure_recording(self._storage, self.panel.outer.state.measurer, audio_key)

    async def delete_row(self, session: AsyncSession, row_id: UUID, *, actor: UUID) -> None:
        await commands.delete_speech(session, row_id, actor=actor)

    @expose("/recording")
    async def get_recording(self, request: Request) -> Response:
        """Serve a recording from our own origin, where scripts can read it."""
        return await read_recording(self._storage, request.query_params.get("key", ""))

    @post_action("archive", "Archive", confirmation="Archived speeches are no longer drawn. Archive them?")
    async def archive(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, archived=True)

    @post_action("restore", "Restore")
    async def restore(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, archived=False)

    @post_action("add-tag", "Add tag", needs="tag_id")
    async def add_tag(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, add_tag_ids=get_form(request).getlist("tag_id"))

    @post_action("remove-tag", "Remove tag", needs="tag_id")
    async def remove_tag(self, request: Request, ids: Sequence[UUID]) -> Response:
        return await self._change(request, ids, remove_tag_ids=get_form(request).getlist("tag_id"))

    async def _change(self, request: Request, ids: Sequence[UUID], **change: Any) -> Response:
        batch = parse(SpeechBatchUpdate, {"speech_ids": list(ids), **change})
        try:
            async with self.transaction(request) as session:
                actor = get_principal(request).id
                outcome = await speech_batches.update_speeches(
                    session, batch.speech_ids, batch.to_change(), actor=actor
                )
        except UnknownTag:
            return self.redirect_done("gone")
        return self.redirect_done(_describe_outcome(outcome), count=len(outcome.changed))


def _describe_outcome(outcome: BatchOutcome) -> str:
    """Return the code of the message."""
    if outcome.changed:
        return "some" if outcome.unchanged or outcome.skipped else "changed"
    if outcome.unchanged or not outcome.skipped:
        return "same"
    return "gone" if {skip.code for skip in outcome.skipped} == {"speech_not_found"} else "none"


def _to_filter(query: ListQuery) -> dict[str, Any]:
    filters = query.filters
    sort = f"-{query.sort}" if query.is_descending else query.sort
    return {
        "page": query.page,
        "limit": query.limit,
        "cursor": query.cursor,
        "search": query.search or None,
        "level": filters.get("level"),
        "type": filters.get("type"),
        "tag_id": filters.get("tag"),
        "import_id": filters.get("import"),
        "archived": filters.get("archived", "false"),
        "audio_missing": filters.get("audio") == "missing",
        # A search has its own order: the best match first.
        "sort": "newest" if query.search else SORTS.get(sort, "newest"),
    }
