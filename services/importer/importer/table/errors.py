from importer.types import TableProblemCode


class TableProblem(Exception):
    """The whole table cannot be imported. `row` is counted as in a spreadsheet."""

    def __init__(self, code: TableProblemCode, detail: str, *, row: int | None = None) -> None:
        super().__init__(detail)
        self.code: TableProblemCode = code
        self.detail, self.row = detail, row
