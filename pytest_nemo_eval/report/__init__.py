"""What people read, drawn from Runs."""

from .hooks import Hook, create_hook, run_hooks
from .row import Row, row_of
from .table import table_lines
from .unfinished import unfinished_lines
from .verdict import verdict_lines, write_verdict

__all__ = [
    "Hook",
    "Row",
    "create_hook",
    "row_of",
    "run_hooks",
    "table_lines",
    "unfinished_lines",
    "verdict_lines",
    "write_verdict",
]
