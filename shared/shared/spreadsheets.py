"""Cells of tables that spreadsheets open."""

BOM = "\ufeff"
# Includes full-width forms, which some programs treat alike.
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Spreadsheets interpret a cell with such a prefix as a formula, directly or after dropping the character."""
ESCAPE_PREFIX = "'"


def guard_cell(cell: str) -> str:
    """Return the cell so that spreadsheets show it as text (OWASP: CSV injection)."""
    return ESCAPE_PREFIX + cell if is_dangerous(cell) else cell


def unguard_cell(cell: str) -> str:
    """Return a cell as it was before `guard_cell`."""
    return cell[1:] if cell.startswith(ESCAPE_PREFIX) and is_dangerous(cell[1:]) else cell


def is_dangerous(cell: str) -> bool:
    return cell.startswith(FORMULA_PREFIXES) or cell.lstrip().startswith(FORMULA_PREFIXES)
