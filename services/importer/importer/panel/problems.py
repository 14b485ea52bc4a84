"""A table's problems grouped by row, for the import's page."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from importer.schemas.imports import RowProblem
from importer.table.columns import COLUMNS


class ProblemRow(NamedTuple):
    row: int
    cells: Mapping[str, str]
    problems: Sequence[RowProblem]

    def find(self, column: str) -> list[RowProblem]:
        return [problem for problem in self.problems if problem.column == column]

    @property
    def others(self) -> list[RowProblem]:
        """Return the problems that belong to no displayed cell."""
        return [problem for problem in self.problems if problem.column not in COLUMNS]


def group_by_row(problems: Sequence[RowProblem]) -> list[ProblemRow]:
    """Return the table rows with problems. For older imports, only the wrong cells are known."""
    rows = []
    for row, grouped in groupby(problems, key=attrgetter("row")):
        row_problems = list(grouped)
        wrong_cells = {problem.column: problem.value for problem in row_problems if problem.column}
        rows.append(ProblemRow(row, row_problems[0].cells or wrong_cells, row_problems))
    return rows
