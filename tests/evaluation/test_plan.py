from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_nemo_eval import EvalSettings, Message, Protocol, Threshold, Tier
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.config.policy import PolicyEntry, PolicySettings
from pytest_nemo_eval.config.settings import DatasetSettings, GateSettings, Limit, ParamSettings, TaskSettings
from pytest_nemo_eval.datasets import fingerprint
from pytest_nemo_eval.datasets.files import Row
from pytest_nemo_eval.errors import ConfigError, DatasetError
from pytest_nemo_eval.evaluation import Job, Rules, data_source, find_benchmark, gate_settings, plan
from pytest_nemo_eval.evaluation.plan import REQUEST_SECONDS, RETRIES

ROWS: Sequence[Row] = [
    {"q": f"question {n}", "answer": str(n), "category": ("law", "health")[n % 2]} for n in range(10)
]
PROBLEMS: Sequence[Row] = [{"question": f"How many {n}?", "answer": f"So it is.\n#### {n}"} for n in range(4)]


def write(path: Path, rows: Sequence[Row]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def own(tmp_path: Path) -> DatasetSettings:
    """Ten rows for a benchmark of the user's own."""
    return DatasetSettings(path=write(tmp_path / "own.jsonl", ROWS))


@pytest.fixture
def gsm8k(tmp_path: Path) -> DatasetSettings:
    """Four problems, and six others as worked examples."""
    shots: Sequence[Row] = [{"question": f"Shot {n}?", "answer": f"#### {n}"} for n in range(6)]
    return DatasetSettings(
        path=write(tmp_path / "problems.jsonl", PROBLEMS), fewshot_path=write(tmp_path / "shots.jsonl", shots)
    )


def planned(dataset: DatasetSettings, settings: EvalSettings = EvalSettings(), **keys: object) -> Job:
    """The Job of a benchmark of the user's own."""
    task = TaskSettings(name="mine", prompt="{q}", scorer="exact", dataset=dataset, **keys)  # type: ignore[arg-type]
    return plan("eval_it.yaml::mine", task, settings)


def planned_gsm8k(dataset: DatasetSettings, name: str = "gsm8k", num_fewshot: int | None = None) -> Job:
    return plan("item", TaskSettings(name=name, dataset=dataset, num_fewshot=num_fewshot), EvalSettings())


def test_a_job_with_nothing_set(own: DatasetSettings) -> None:
    job = planned(own)
    assert (job.item, job.benchmark.full_name, job.data) == ("eval_it.yaml::mine", "mine", own.path)
    assert [sample.target for sample in job.samples] == [str(n) for n in range(10)]
    assert (job.shots, job.num_fewshot, job.gating.gates) == ((), 0, ())
    assert job.parameters == {"max_tokens": 256, "temperature": 0.0}
    assert (job.repeats, job.concurrency, job.max_errors) == (1, None, 0)
    assert (job.request_timeout, job.retries) == (REQUEST_SECONDS, RETRIES)


@pytest.mark.parametrize(
    ("in_file", "on_command_line", "count"),
    [
        (None, None, 10),
        (3, None, 3),
        (0.5, None, 5),
        (0.01, None, 1),
        (99, None, 10),
        (None, 2, 2),
        (3, 7, 7),
        (3, 0.2, 2),
        (0.5, 1, 1),
    ],
)
def test_limits(own: DatasetSettings, in_file: Limit | None, on_command_line: Limit | None, count: int) -> None:
    job = planned(own, EvalSettings(limit=on_command_line), params=ParamSettings(limit_samples=in_file))
    assert [sample.input for sample in job.samples] == [f"question {n}" for n in range(count)]


def test_a_limit_counts_within_the_subsets(own: DatasetSettings) -> None:
    job = planned(own, subsets=("health",), params=ParamSettings(limit_samples=2))
    assert [sample.input for sample in job.samples] == ["question 1", "question 3"]


def test_columns_have_the_names_that_the_task_says(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", [{"text": "Hi?", "label": "yes"}])
    (sample,) = planned(DatasetSettings(path=path, fields={"q": "text", "answer": "label"})).samples
    assert (sample.input, sample.target) == ("Hi?", "yes")


@pytest.mark.parametrize(
    ("in_file", "on_command_line", "expected"), [(None, None, 1), (4, None, 4), (None, 2, 2), (4, 2, 2)]
)
def test_the_command_line_overrides_the_file(
    own: DatasetSettings, in_file: int | None, on_command_line: int | None, expected: int
) -> None:
    settings = EvalSettings(repeats=on_command_line, concurrency=on_command_line)
    job = planned(own, settings, repeats=in_file, params=ParamSettings(parallelism=in_file))
    assert job.repeats == expected
    assert job.concurrency == (expected if in_file or on_command_line else None)


def test_limits_of_a_task_on_requests_and_errors(own: DatasetSettings) -> None:
    job = planned(own, max_errors=3, params=ParamSettings(request_timeout=1.5, max_retries=0))
    assert (job.request_timeout, job.retries, job.max_errors) == (1.5, 0, 3)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (ParamSettings(max_new_tokens=7), {"max_tokens": 7, "temperature": 0.0}),
        (ParamSettings(temperature=0.7, top_p=0.9), {"max_tokens": 256, "temperature": 0.7, "top_p": 0.9}),
        (ParamSettings(top_p=0.0), {"max_tokens": 256, "temperature": 0.0, "top_p": 0.0}),
        (ParamSettings(seed=0), {"max_tokens": 256, "temperature": 0.0, "seed": 0}),
        (ParamSettings(seed=42), {"max_tokens": 256, "temperature": 0.0, "seed": 42}),
        (ParamSettings(stop=("\n", "Q:")), {"max_tokens": 256, "temperature": 0.0, "stop": ["\n", "Q:"]}),
        (ParamSettings(extra={"top_k": 1}), {"max_tokens": 256, "temperature": 0.0, "top_k": 1}),
        (ParamSettings(temperature=0.5, extra={"temperature": 1}), {"max_tokens": 256, "temperature": 1}),
    ],
)
def test_parameters(own: DatasetSettings, params: ParamSettings, expected: dict[str, Json]) -> None:
    assert planned(own, params=params).parameters == expected


def test_a_benchmarks_own_parameters_unless_the_task_has_others(gsm8k: DatasetSettings) -> None:
    def parameters(params: ParamSettings) -> dict[str, Json]:
        task = TaskSettings(name="gsm8k", dataset=gsm8k, params=params)
        return dict(plan("item", task, EvalSettings()).parameters)

    stop: Json = ["Question:", "</s>", "<|im_end|>"]
    assert parameters(ParamSettings()) == {"max_tokens": 1024, "temperature": 0.0, "stop": stop}
    assert parameters(ParamSettings(stop=())) == {"max_tokens": 1024, "temperature": 0.0}
    assert parameters(ParamSettings(stop=("x",)))["stop"] == ["x"]


def test_worked_examples_are_the_references_number(gsm8k: DatasetSettings) -> None:
    job = planned_gsm8k(gsm8k)
    assert (job.num_fewshot, len(job.shots), len(job.samples)) == (5, 6, 4)
    (message,) = job.request(job.samples[0], 0, Protocol.CHAT).messages
    assert re.findall(r"Question: (.*)\n", message.text) == [*(f"Shot {n}?" for n in range(5)), "How many 0?"]


@pytest.mark.parametrize("count", [1, 6])
def test_worked_examples_as_many_as_asked_for(gsm8k: DatasetSettings, count: int) -> None:
    job = planned_gsm8k(gsm8k, num_fewshot=count)
    assert job.num_fewshot == count
    assert job.request(job.samples[0], 0, Protocol.CHAT).messages[0].text.count("Shot ") == count


def test_no_worked_examples(gsm8k: DatasetSettings) -> None:
    for job in (planned_gsm8k(gsm8k, num_fewshot=0), planned_gsm8k(gsm8k, "gsm8k:nemo-evaluator")):
        assert (job.num_fewshot, job.shots) == (0, ())
        assert "Shot" not in job.request(job.samples[0], 0, Protocol.CHAT).messages[0].text


def test_data_without_worked_examples_does_without_unless_the_task_asks(gsm8k: DatasetSettings) -> None:
    alone = DatasetSettings(path=gsm8k.path)
    assert planned_gsm8k(alone).num_fewshot == 0
    with pytest.raises(DatasetError, match=r"gsm8k asks for 2 worked examples, and .*problems\.jsonl has none: set"):
        planned_gsm8k(alone, num_fewshot=2)


def test_a_limit_leaves_the_worked_examples_alone(gsm8k: DatasetSettings) -> None:
    job = plan("item", TaskSettings(name="gsm8k", dataset=gsm8k), EvalSettings(limit=1))
    assert (len(job.samples), len(job.shots)) == (1, 6)


def test_the_data_folder_of_the_command_line(tmp_path: Path) -> None:
    path = write(tmp_path / "data" / "gsm8k" / "test.jsonl", PROBLEMS)
    task = TaskSettings(name="gsm8k", num_fewshot=0)
    job = plan("item", task, EvalSettings(data=str(tmp_path / "data")))
    assert (len(job.samples), job.data) == (4, path)


def test_nothing_is_read_to_find_out_where_data_is(tmp_path: Path) -> None:
    task = TaskSettings(name="mine", prompt="{q}", scorer="exact", dataset=DatasetSettings(path="nowhere.jsonl"))
    assert data_source(task, find_benchmark(task), EvalSettings()).describe() == "nowhere.jsonl"


def test_requests_of_both_protocols(own: DatasetSettings) -> None:
    job = planned(own)
    chat = job.request(job.samples[3], 2, Protocol.CHAT)
    completion = job.request(job.samples[3], 2, Protocol.COMPLETIONS)
    assert (chat.messages, chat.prompt) == ((Message("user", "question 3"),), None)
    assert (completion.messages, completion.prompt) == ((), "question 3")
    for request in (chat, completion):
        assert (request.sample_id, request.repeat) == (job.samples[3].id, 2)
        assert request.parameters == job.parameters


def test_fingerprints_tell_what_is_asked(own: DatasetSettings) -> None:
    def prompts(job: Job) -> str:
        return job.prompt_fingerprint(Protocol.CHAT)

    job = planned(own)
    assert prompts(job) == prompts(planned(own, max_errors=3))
    others = [
        planned(own, params=ParamSettings(temperature=0.1)),
        planned(own, EvalSettings(limit=9)),
        planned(own, subsets=("law", "health"), params=ParamSettings(extra={"n": 1})),
    ]
    assert len({prompts(job), job.prompt_fingerprint(Protocol.COMPLETIONS), *map(prompts, others)}) == 5
    assert fingerprint(job.samples) == fingerprint(others[0].samples) != fingerprint(others[1].samples)


def test_gates_of_the_task_and_further_ones(own: DatasetSettings) -> None:
    task = TaskSettings(
        name="mine",
        prompt="{q}",
        scorer="exact",
        dataset=own,
        gates={"accuracy": GateSettings(min=0.5), "truncation_rate": GateSettings(max=0.1)},
        tier=Tier.ADVISORY,
    )
    further = Threshold("accuracy", max=0.9)
    assert plan("item", task, EvalSettings(), [further]).gating.gates == (
        Threshold("accuracy", min=0.5, tier=Tier.ADVISORY),
        Threshold("truncation_rate", max=0.1, tier=Tier.ADVISORY),
        further,
    )


@pytest.mark.parametrize(
    ("metric", "gate", "words"),
    [
        ("acuracy", GateSettings(min=0.5), r"there is no metric acuracy; did you mean accuracy\?"),
        ("zzz", GateSettings(min=0.5), "there is no metric zzz; there are accuracy, "),
        ("accuracy", GateSettings(), "the gate on accuracy needs min, max, max_drop or max_relative_drop"),
        ("accuracy", GateSettings(min=0.6, max=0.5), "can never pass"),
        ("accuracy", GateSettings(min=55), "for 55 % write 0.55"),
        ("pass@8", GateSettings(max=80), "for 80 % write 0.8"),
        ("accuracy", GateSettings(max_drop=0.01), "max_drop needs a baseline: give --eval-baseline"),
        ("accuracy", GateSettings(max_drop=0.01, baseline="nosuch"), "there is no baseline nosuch"),
    ],
)
def test_gates_that_make_no_sense(metric: str, gate: GateSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        gate_settings(TaskSettings(name="gsm8k", gates={metric: gate}), ("gsm8k",), Rules())


def test_bounds_of_what_is_no_share() -> None:
    task = TaskSettings(
        name="gsm8k", gates={"latency_p90": GateSettings(max=5), "completion_tokens": GateSettings(max=500)}
    )
    assert set(gate_settings(task, ("gsm8k",), Rules())) == {"latency_p90", "completion_tokens"}


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (TaskSettings(name="gsm8q"), "no benchmark is called 'gsm8q'; did you mean gsm8k?"),
        (TaskSettings(name="humaneval"), "the benchmark humaneval is not available in this version"),
        (TaskSettings(name="gsm8k", scorer="exact"), "gsm8k has a scorer of its own: leave scorer out"),
        (TaskSettings(name="mine", prompt="{q}"), "mine declares a prompt and needs a scorer with it"),
        (TaskSettings(name="mine", prompt="{q}", scorer="exakt"), "no scorer is called 'exakt'; did you mean exact?"),
        (TaskSettings(name="mine", prompt="{q.x}", scorer="exact"), "the prompt of mine may name columns"),
    ],
)
def test_tasks_that_cannot_be_planned(task: TaskSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        plan("item", task, EvalSettings())


def test_data_that_is_not_there(own: DatasetSettings) -> None:
    with pytest.raises(DatasetError, match=re.escape("mine has no data set of its own")):
        planned(DatasetSettings())
    with pytest.raises(DatasetError, match=r"there is no data set file .*ow\.jsonl; did you mean own\.jsonl\?"):
        planned(DatasetSettings(path=str(Path(own.path or "").with_name("ow.jsonl"))))
    with pytest.raises(DatasetError, match=r"no subset 'helth'; did you mean health\?"):
        planned(own, subsets=("helth",))
    with pytest.raises(DatasetError, match=r"limit_samples is 1\.5"):
        planned(own, params=ParamSettings(limit_samples=1.5))


def test_fewer_worked_examples_than_the_reference_has_are_counted(gsm8k: DatasetSettings, tmp_path: Path) -> None:
    path = write(tmp_path / "one.jsonl", [{"question": "Shot?", "answer": "#### 1"}])
    dataset = DatasetSettings(path=gsm8k.path, fewshot_path=path)
    assert planned_gsm8k(dataset).num_fewshot == 1
    with pytest.raises(DatasetError, match=r"asks for 3 worked examples, and .* has 1"):
        planned_gsm8k(dataset, num_fewshot=3)


def test_worked_examples_for_a_prompt_without_a_place_for_them(gsm8k: DatasetSettings) -> None:
    with pytest.raises(ConfigError, match="gsm8k:nemo-evaluator takes no worked examples"):
        planned_gsm8k(gsm8k, "gsm8k:nemo-evaluator", 3)


def test_a_typo_in_the_validity_of_a_policy(own: DatasetSettings) -> None:
    task = TaskSettings(name="mine", prompt="{q}", scorer="exact", dataset=own)
    policy = PolicySettings(defaults=PolicyEntry(validity={"trunkation_rate": 0.5}))
    with pytest.raises(ConfigError, match="did you mean truncation_rate"):
        plan("item", task, EvalSettings(), rules=Rules(policy=policy))


@pytest.mark.parametrize(("seed", "expected"), [(7, [7, 8, 9]), (None, [None, None, None])])
def test_each_repeat_has_a_seed_of_its_own(own: DatasetSettings, seed: int | None, expected: list[int | None]) -> None:
    job = planned(own, repeats=3, params=ParamSettings(seed=seed))
    requests = [job.request(job.samples[0], repeat, Protocol.CHAT) for repeat in range(3)]
    assert [request.parameters.get("seed") for request in requests] == expected
