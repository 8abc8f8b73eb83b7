from __future__ import annotations

import re

from pytest_nemo_eval.report import Row, table_lines

MEASURED = Row(
    benchmark="gsm8k:lm-eval",
    verdict="pass",
    threshold="accuracy >= 0.55",
    value=0.5625,
    ci_lower=0.53584,
    ci_upper=0.58929,
    n=1319,
    run="eval-runs/1",
)
BROKEN = Row(benchmark="mmlu_pro", verdict="error", note="the server died")


def cells(line: str) -> list[str]:
    return re.split(" {2,}", line)


def test_a_table() -> None:
    noted = Row(
        benchmark="capitals",
        verdict="measured",
        value=1.0,
        ci_lower=0.0,
        ci_upper=1.0,
        n=3,
        extraction_failures=1,
        errors=2,
        truncated=3,
        note="0-shot (reference: 5)",
        run="eval-runs/2",
    )
    assert table_lines([("a.yaml::gsm8k", MEASURED), ("a.yaml::capitals", noted), ("a.yaml::mmlu_pro", BROKEN)]) == [
        "benchmark      score   95 % interval     n     threshold         verdict",
        "gsm8k:lm-eval  0.5625  0.5358 to 0.5893  1319  accuracy >= 0.55  pass",
        "    eval-runs/1",
        "capitals       1.0000  0.0000 to 1.0000  3     -                 measured",
        "    1 answers could not be extracted, 2 errored samples, 3 truncated replies",
        "    0-shot (reference: 5)",
        "    eval-runs/2",
        "mmlu_pro       -       -                 -     -                 error",
        "    the server died",
        "    a.yaml::mmlu_pro",
    ]


def test_counts_of_nothing_are_left_out() -> None:
    row = Row(benchmark="b", verdict="measured", value=0.0, ci_lower=0.0, ci_upper=1.0, errors=2, run="r")
    assert table_lines([("item", row)])[2:] == ["    2 errored samples", "    r"]


def test_a_score_of_zero_is_a_score() -> None:
    row = Row(benchmark="b", verdict="fail", threshold="accuracy >= 0.1", value=0.0, ci_lower=0.0, ci_upper=0.1, n=9)
    assert cells(table_lines([("item", row)])[1]) == ["b", "0.0000", "0.0000 to 0.1000", "9", "accuracy >= 0.1", "fail"]


def test_an_error_shows_what_it_would_have_been_held_against() -> None:
    row = Row(benchmark="b", verdict="error", threshold="accuracy >= 0.5")
    assert cells(table_lines([("item", row)])[1]) == ["b", "-", "-", "-", "accuracy >= 0.5", "error"]


def test_no_line_ends_in_spaces() -> None:
    rows = [("one", BROKEN), ("two", Row(benchmark="b" * 30, verdict="inconclusive"))]
    assert all(line == line.rstrip() for line in table_lines(rows))


def test_a_table_without_rows_is_its_titles() -> None:
    assert table_lines([]) == ["benchmark  score  95 % interval  n  threshold  verdict"]
