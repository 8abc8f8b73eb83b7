"""``python -m pytest_nemo_eval.proxy --upstream URL --chain FILE --port N``."""

from __future__ import annotations

import os

PARENT = os.getppid()  # before anything that takes time: it may be gone by then

import sys  # noqa: E402

from .command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], PARENT))
