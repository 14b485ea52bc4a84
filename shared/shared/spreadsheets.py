"""Cells of tables that spreadsheets open."""

BOM = "\ufeff"
# Includes full-width forms, which some programs treat alike.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Spreadsheets interpret a cell with such a prefix as a formula, directly or after dropping the character."""
GUARD = "'"


def guard_cell(cell: str) -> str:
    """Return the cell so that spreadsheets show it as text (OWASP: CSV injection)."""
    return GUARD + cell if is_dangerous(cell) else cell


def unguard_cell(cell: str) -> str:
    """Return a cell as it was before `guard_cell`."""
    return cell[1:] if cell.startswith(GUARD) and is_dangerous(cell[1:]) else cell


def is_dangerous(cell: str) -> bool:
    return cell.startswith(DANGEROUS) or cell.lstrip().startswith(DANGEROUS)
