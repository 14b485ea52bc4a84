"""Handlers of the events that the importer service consumes."""

from contracts.content import (
    ImportApplied,
    ImportRejected,
    ImportUndone,
    SpeechCreated,
    SpeechDeleted,
    SpeechImported,
    SpeechUpdated,
)
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import imports, sentences


async def on_import_applied(session: AsyncSession, event: ImportApplied) -> None:
    await imports.complete_import(session, event.data)


async def on_import_rejected(session: AsyncSession, event: ImportRejected) -> None:
    await imports.fail_rejected_import(session, event.data)


async def on_import_undone(session: AsyncSession, event: ImportUndone) -> None:
    await imports.finish_undo(session, event.data)


async def on_speech_changed(session: AsyncSession, event: SpeechCreated | SpeechUpdated) -> None:
    await sentences.store_sentences(session, [event.data])


async def on_speech_imported(session: AsyncSession, event: SpeechImported) -> None:
    await sentences.store_sentences(session, event.data.speeches)


async def on_speech_deleted(session: AsyncSession, event: SpeechDeleted) -> None:
    await sentences.clear_sentence(session, event.data.speech_id, revision=event.data.revision)


subscriptions: Subscriptions = {
    ImportApplied: on_import_applied,
    ImportRejected: on_import_rejected,
    ImportUndone: on_import_undone,
    SpeechCreated: on_speech_changed,
    SpeechUpdated: on_speech_changed,
    SpeechImported: on_speech_imported,
    SpeechDeleted: on_speech_deleted,
}
