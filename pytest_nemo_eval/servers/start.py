"""Runs one of the servers beside this file: ``python start.py NAME ARGUMENTS...``, with the standard library alone.

``supervise.py`` then runs it. The folder becomes a package of its own name, so that this works in environments without
``pytest_nemo_eval``, and so that no file here hides a package of the same name (``ray``).
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

PACKAGE = "nemo_eval_servers"
FOLDER = Path(__file__).resolve().parent


def load(name: str) -> Any:
    """A module of the folder, as one of the package."""
    if PACKAGE not in sys.modules:
        spec = spec_from_file_location(PACKAGE, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
        if spec is None or spec.loader is None:
            raise ImportError(f"{FOLDER} is no package")
        sys.modules[PACKAGE] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[PACKAGE])
    return import_module(f"{PACKAGE}.{name}")


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != FOLDER]
    sys.exit(load("supervise").main(sys.argv[1:]))
