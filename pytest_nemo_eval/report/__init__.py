"""What people read, drawn from Runs."""

from .row import Row, row_of
from .table import table_lines
from .unfinished import unfinished_lines
from .verdict import verdict_lines, write_verdict

__all__ = ["Row", "row_of", "table_lines", "unfinished_lines", "verdict_lines", "write_verdict"]
