"""The example import matches its description, and its README explains every error code."""

import csv
import re
from pathlib import Path
from typing import get_args

import pytest
from contracts.vocabulary import Level, SpeechType
from importer.types import FileProblemCode, RowProblemCode, TableProblemCode

EXAMPLE = Path(__file__).parents[3] / "docs" / "import-example"
RECORDINGS = {path.name for path in (EXAMPLE / "recordings").iterdir()}
README = (EXAMPLE / "README.md").read_text()


def _read(path: Path, *, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        return [{name.lower().replace(" ", "_"): cell for name, cell in row.items()} for row in rows]


ROWS = [row for row in _read(EXAMPLE / "sentences.csv", encoding="utf-8-sig", delimiter=";") if row["text"]]


def test_every_row_has_its_recording() -> None:
    names = [Path(row["audio_filename"]).name for row in ROWS]
    assert len(set(names)) == len(names) >= 12
    assert {*names, "silence.wav"} == RECORDINGS


def test_the_rows_have_every_level_and_type() -> None:
    assert {row["level"].upper() for row in ROWS} == set(get_args(Level))
    assert {row["type"].lower() for row in ROWS} == {*get_args(SpeechType), ""}
    assert all("import example" in row["tags"].split(", ") for row in ROWS)


def test_no_sentence_is_already_in_the_seed() -> None:
    speeches = _read(EXAMPLE.parents[1] / "deploy" / "seed" / "speeches.csv")
    assert {row["text"].casefold() for row in ROWS} & {row["text"].casefold() for row in speeches} == set()


def test_the_example_stays_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file()) < 400_000


@pytest.mark.parametrize("code", [*get_args(RowProblemCode), *get_args(TableProblemCode)])
def test_every_problem_of_a_table_is_explained(code: str) -> None:
    assert f"`{code}`" in README


@pytest.mark.parametrize("code", get_args(FileProblemCode))
def test_every_problem_of_a_file_is_listed(code: str) -> None:
    assert f"`{code}`" in README


def test_no_other_code_is_explained() -> None:
    codes = {*get_args(RowProblemCode), *get_args(TableProblemCode), *get_args(FileProblemCode)}
    explained = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", README[README.index("## Errors") :])
    assert set(explained) <= codes
