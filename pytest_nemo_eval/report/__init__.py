"""What people read, drawn from Runs."""

from .row import GateRow, Row, row_of
from .table import table_lines
from .verdict import verdict_lines, write_verdict

__all__ = ["GateRow", "Row", "row_of", "table_lines", "verdict_lines", "write_verdict"]
