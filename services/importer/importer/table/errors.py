from importer.types import TableProblemCode


class TableProblem(Exception):
    """The table cannot be imported as a whole. `row` counts as spreadsheets do."""

    def __init__(self, code: TableProblemCode, detail: str, *, row: int | None = None) -> None:
        super().__init__(detail)
        self.code: TableProblemCode = code
        self.detail, self.row = detail, row
