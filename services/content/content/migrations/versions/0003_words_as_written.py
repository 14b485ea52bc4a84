"""Index the words of a speech as they are written, next to their stems, and pairs of them.

It runs while the system is in use: the stems stay in the index, so that the searches of the version before
still work. It can be repeated after an interruption.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

CHUNK = 20_000

# PostgreSQL indexes no lexeme of more than 2 KB.
WORDS = r"""
    CREATE OR REPLACE FUNCTION speech_words(written text, OUT word text, OUT stem text, OUT place bigint)
    RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT word, (ts_lexize('pg_catalog.english_stem', word))[1], place
        FROM (
            SELECT left(folded, 100), place
            FROM regexp_split_to_table(
                regexp_replace(
                    -- Case and accents do not count: "Café" is the word "cafe".
                    normalize(regexp_replace(
                        normalize(casefold(written COLLATE pg_unicode_fast), NFKD), '[\u0300-\u036f]', '', 'g'
                    ), NFC) COLLATE pg_unicode_fast,
                    -- Kana, Han and Hangul have no spaces between words: each character counts as a word.
                    '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff])',
                    ' \1 ', 'g'
                ),
                '[^[:alnum:]]+' COLLATE pg_unicode_fast
            ) WITH ORDINALITY AS parts (folded, place)
            WHERE folded <> ''
        ) AS words (word, place);
    END
"""
VECTOR = """
    CREATE OR REPLACE FUNCTION speech_vector(written text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT coalesce(string_agg(
            format('''%s'':%sA', word, place)
            || CASE WHEN stem <> word THEN format(' ''%s'':%s', stem, place) ELSE '' END
            -- Pairs are rare even if their words are common. The space keeps them out of prefix searches.
            || CASE WHEN next <> '' THEN format(' '' %s %s'':%sA', word, next, place) ELSE '' END, ' '
        ), '')::tsvector
        FROM (SELECT *, lead(word) OVER (ORDER BY place) AS next FROM speech_words(written)) AS words;
    END
"""
TRIGGER_FUNCTION = """
    CREATE OR REPLACE FUNCTION set_speech_search() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.search := speech_vector(NEW.text);
        RETURN NEW;
    END $$
"""
TRIGGER = """
    CREATE OR REPLACE TRIGGER speeches_search BEFORE INSERT OR UPDATE OF text, search ON speeches
    FOR EACH ROW EXECUTE FUNCTION {}
"""


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in (WORDS, VECTOR, TRIGGER_FUNCTION, TRIGGER.format("set_speech_search()")):
        op.execute(statement)
    with op.get_context().autocommit_block():
        _fill()


def _fill() -> None:
    connection = op.get_bind()
    highest = connection.scalar(sa.text("SELECT coalesce(max(number), 0) FROM speeches"))
    # The trigger sets it.
    chunk = sa.text("UPDATE speeches SET search = NULL WHERE number BETWEEN :first AND :last")
    for first in range(1, (highest or 0) + 1, CHUNK):
        connection.execute(chunk, {"first": first, "last": first + CHUNK - 1})
    op.execute("ANALYZE speeches")


def downgrade() -> None:
    op.execute(TRIGGER.format("tsvector_update_trigger(search, 'pg_catalog.english', text)"))
    for function in ("set_speech_search()", "speech_vector(text)", "speech_words(text)"):
        op.execute(f"DROP FUNCTION {function}")
    _fill()
