"""A table's header: the positions of the known columns."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from importer.table.errors import TableProblem

REQUIRED_COLUMNS = ("audio_filename", "text", "level")
OPTIONAL = ("type", "tags")
COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL)
REPORT_COLUMNS = ("error_codes", "errors")
"""Added by the report, and ignored when a corrected report is uploaded."""
MAX_COLUMNS = 100
MAX_SHOWN_LENGTH = 40


def normalize_header(cell: str) -> str:
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", cell).strip(" \t\n\ufeff").casefold())


def count_known(cells: Sequence[str]) -> int:
    return len({*COLUMNS, *REPORT_COLUMNS} & set(map(normalize_header, cells)))


def find_columns(header: Sequence[str]) -> Mapping[str, int]:
    """Return the positions of the known columns in the header. Raises TableProblem."""
    if len(header) > MAX_COLUMNS:
        raise TableProblem(
            "too_many_columns",
            f"The table has more than {MAX_COLUMNS} columns: keep {_list(COLUMNS)}.",
            row=1,
        )
    names = [normalize_header(cell) for cell in header]
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    if repeated:
        raise TableProblem(
            "repeated_columns",
            f"These columns appear more than once: {_list(repeated)}. Keep one of each.",
            row=1,
        )
    if missing := [name for name in REQUIRED_COLUMNS if name not in names]:
        raise TableProblem(
            "missing_columns", f"The table has no column {_list(missing)}: add it to the first row.", row=1
        )
    if unknown := [name for name in names if name and name not in (*COLUMNS, *REPORT_COLUMNS)]:
        raise TableProblem("unknown_columns", _describe_unknown(unknown), row=1)
    return {name: names.index(name) for name in COLUMNS if name in names}


def _describe_unknown(unknown: Sequence[str]) -> str:
    closest = difflib.get_close_matches(unknown[0][:MAX_SHOWN_LENGTH], COLUMNS, n=1)
    hint = f" Did you mean {closest[0]}?" if closest else ""
    return f"Remove the column {_list(unknown)}: the columns are {_list(COLUMNS)}.{hint}"


def _list(names: Sequence[str]) -> str:
    listed_names = ", ".join(name[:MAX_SHOWN_LENGTH] for name in names[:10])
    return listed_names if len(names) <= 10 else f"{listed_names} and {len(names) - 10} more"
