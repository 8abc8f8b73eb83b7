"""What people read, drawn from Runs."""

from .row import Row, row_of
from .table import table_lines

__all__ = ["Row", "row_of", "table_lines"]
