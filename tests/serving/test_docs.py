"""docs/serving.md names every argument with its default."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_nemo_eval.backends import own, ray, triton
from pytest_nemo_eval.servers import common, ray_settings, supervise
from pytest_nemo_eval.servers.ray import make_parser

TEXT = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
REQUIRED = ["--model=m", "--served-model-name=m", "--host=h", "--port=1"]


def shown() -> dict[str, str]:
    """Argument to default, out of the tables."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]*)\|", TEXT, re.MULTILINE)
    found: dict[str, str] = {}
    for names, defaults in rows:
        words = re.findall(r"\w+", names)
        values = defaults.split(", ") if len(words) > 1 and defaults.strip() else [defaults] * len(words)
        found.update(zip(words, (value.strip() for value in values), strict=True))
    return found


def test_every_argument_is_there() -> None:
    assert set(shown()) == {*own.ARGUMENTS, *triton.ARGUMENTS, *ray.ARGUMENTS, "frontend"}


def test_defaults() -> None:
    table = shown()
    options = vars(make_parser().parse_args(REQUIRED))
    numbers = {name: value for name, value in options.items() if name in table and value is not None}
    assert {name: str(value) for name, value in numbers.items()} == {name: table[name] for name in numbers}
    assert table["max_ongoing_requests"] == str(ray_settings.ONGOING)
    assert "auto" in common.ENGINES
    assert f"after {supervise.ENDING_SECONDS:g} s" in TEXT
