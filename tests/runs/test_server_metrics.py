"""What a server says of itself."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nemo_eval.errors import EvalError
from pytest_nemo_eval.runs.server_metrics import (
    MOST_NAMES,
    PREFIXES,
    Course,
    MetricsFile,
    ServerLine,
    parse_metrics,
    summarise,
)

VLLM = r"""# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 12843.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen2.5-0.5B-Instruct"} 7.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="a } b \" {c"} 1.5e+03
vllm:generation_tokens_total{engine="1",model_name="Qwen"} 500
vllm:generation_tokens_created{engine="0",model_name="Qwen"} 1.7e+09
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="Qwen"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="Qwen"} 40.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="Qwen"} 40.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="Qwen"} 3.25
vllm:cache_config_info{block_size="16"} 1.0
  sglang:gen_throughput 12.5 1700000000000
nv_inference_request_success{model="m",version="1"} 3
ray_serve_num_http_requests_total	9
vllm:odd NaN
vllm:large +Inf
vllm:broken{
vllm:none
vllmish 3
"""


def test_what_vllm_says() -> None:
    assert parse_metrics(VLLM) == {
        "vllm:num_requests_running": 7.0,
        "vllm:generation_tokens_total": 2000.0,
        "vllm:time_to_first_token_seconds_count": 40.0,
        "vllm:time_to_first_token_seconds_sum": 3.25,
        "vllm:cache_config_info": 1.0,
        "sglang:gen_throughput": 12.5,
        "nv_inference_request_success": 3.0,
        "ray_serve_num_http_requests_total": 9.0,
    }
    assert parse_metrics(VLLM.replace("\n", "\r\n")) == parse_metrics(VLLM)


@pytest.mark.parametrize(
    "text", ["", "<html>502</html>", "{}", "vllm:a 1e", "vllm:a --1", "vllm:a 1 2 3", "vllm:a{b} {c}", "vllm:a{b}1"]
)
def test_garbage_says_nothing(text: str) -> None:
    assert parse_metrics(text) == {}


def test_there_is_an_end_to_it() -> None:
    assert len(parse_metrics("\n".join(f"vllm:m{n} 1" for n in range(2000)))) == MOST_NAMES
    assert parse_metrics("#" * 2_000_000 + "\nvllm:a 1") == {}
    assert parse_metrics("vllm:a 1e308\n" * 20) == {}


@pytest.mark.parametrize("unit", ["vllm:a", "vllm:a{", "vllm:a{} ", " ", "\t{", "\n", "vllm:a 1\n", "} ", "1", "1 "])
def test_hostile_text_takes_no_longer_than_reading_it(unit: str) -> None:
    """A quadratic pattern would need hours."""
    many = unit * (1_990_000 // len(unit))
    for text in (many, f"vllm:a{many}x", f"vllm:a{{{many}x", f"vllm:a 1{many}x"):
        parse_metrics(text)


@given(st.text() | st.text(alphabet='vllm:nv_{}"=,\n 019.e+-#aINf\t\\'))
def test_any_text(text: str) -> None:
    for found in (parse_metrics(text), parse_metrics(f"vllm:a{text}"), parse_metrics(f"vllm:a{{{text}}} 1")):
        assert all(name.startswith(PREFIXES) and math.isfinite(value) for name, value in found.items())


NAMES = st.from_regex(r"(vllm:|sglang:|nv_|ray_serve_)[a-z]{1,9}", fullmatch=True)
LABEL = st.text(st.characters(blacklist_characters='\\"\n\r', blacklist_categories=["Cs", "Cc", "Zl", "Zp"]))


@given(st.lists(st.tuples(NAMES, LABEL, st.floats(-1e9, 1e9)), max_size=30))
def test_what_a_server_writes_is_summed(values: list[tuple[str, str, float]]) -> None:
    wanted: dict[str, float] = {}
    for name, _, value in values:
        wanted[name] = wanted.get(name, 0.0) + value
    assert parse_metrics("\n".join(f'{name}{{label="{label}"}} {value!r}' for name, label, value in values)) == wanted


def test_a_file_of_them(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "server_metrics.jsonl")
    assert list(file.lines()) == []
    file.append(0.12345, {"vllm:a": 1.0})
    file.append(2, {"vllm:a": 3.0, "vllm:b": 0.5})
    assert file.path.read_bytes().splitlines()[0] == b'{"seconds":0.123,"metrics":{"vllm:a":1.0}}'
    with file.path.open("ab") as lines:
        lines.write(b'{"seconds": 3, "met')
    assert list(file.lines()) == [ServerLine(0.123, {"vllm:a": 1.0}), ServerLine(2, {"vllm:a": 3.0, "vllm:b": 0.5})]


def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=rf"cannot be written to {tmp_path}/none/x"):
        MetricsFile(tmp_path / "none" / "x").append(0, {})
    with pytest.raises(EvalError, match=f"cannot be read from {tmp_path}: Is a directory"):
        list(MetricsFile(tmp_path).lines())


def test_how_metrics_went() -> None:
    lines = [
        ServerLine(0, {"vllm:running": 0.0, "vllm:total": 10.0}),
        ServerLine(1, {"vllm:running": 64.0, "vllm:total": 20.0, "vllm:late": -2.0}),
        ServerLine(2, {"vllm:running": 3.0, "vllm:late": -5.0}),
    ]
    assert summarise(lines) == {
        "vllm:late": Course(-2.0, -5.0, -2.0),
        "vllm:running": (0.0, 3.0, 64.0),
        "vllm:total": (10.0, 20.0, 20.0),
    }
    assert summarise([]) == {}
