"""The objects that the rows of each service refer to.

A backup must contain all of them. Objects that are being uploaded are not listed, nor are those of finished
imports, whose deletion is already enqueued.
"""

# Sessions show all revisions of the speeches that they played. Undoing an import deletes the recordings of
# speeches that were never played; their revisions stay.
GAME = """
    WITH gone AS (
        SELECT speech_id FROM speech_deletions
        EXCEPT SELECT speech_id FROM game_results JOIN speech_deletions USING (speech_id)
    )
    SELECT DISTINCT audio_key FROM speech_revisions WHERE speech_id NOT IN (SELECT speech_id FROM gone)
"""
# A recording that an import or a speech has claimed belongs to content once the import has ended.
IMPORTER = """
    SELECT object_key FROM uploaded_files LEFT JOIN import_jobs ON import_jobs.id = import_id
    WHERE uploaded_files.state = 'stored'
      AND (claimed_at IS NULL OR import_jobs.state IN ('queued', 'validating', 'applying'))
    UNION SELECT source_key FROM import_jobs WHERE state IN ('queued', 'validating')
    UNION SELECT batch_key FROM import_jobs WHERE state = 'applying' AND batch_key IS NOT NULL
    UNION SELECT report_key FROM import_jobs
    WHERE state IN ('applying', 'completed', 'rejected', 'undoing', 'undone') AND report_key IS NOT NULL
"""
REFERENCES = {
    "content": "SELECT DISTINCT audio_key FROM speeches",
    "game": GAME,
    "importer": IMPORTER,
}
