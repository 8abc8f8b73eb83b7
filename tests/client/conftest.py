from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_nemo_eval.client import Pool


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()
