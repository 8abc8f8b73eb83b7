from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_nemo_eval import Response
from pytest_nemo_eval.errors import ConfigError
from pytest_nemo_eval.interceptors.reasoning import Reasoning, ReasoningConfig
from tests.interceptors.asking import ask

Keys = dict[str, Any]
Given = tuple[str, str | None]

STRICT: Keys = {"include_if_not_finished": False}
NO_START: Keys = {"start_reasoning_token": None}
OTHER: Keys = {"start_reasoning_token": "[THINK]", "end_reasoning_token": "[/THINK]"}


def built(**keys: object) -> Reasoning:
    return Reasoning(msgspec.convert(ReasoningConfig.normalised(keys), ReasoningConfig))  # type: ignore[arg-type]


BOTH_WAYS = [  # text -> answer, reasoning; whether or not unfinished reasoning is kept
    ("", "", None),
    ("plain answer", "plain answer", None),
    (" \n plain answer\n", " \n plain answer\n", None),
    ("<think>a</think>ans", "ans", "a"),
    ("<think>\na\n</think>\n\nans", "ans", "a"),
    ("<think>a</think>ans\n", "ans", "a"),
    ("<think>a</think> ans", "ans", "a"),
    ("<think>a</think>\n    return 1", "    return 1", "a"),
    ("<think>a</think>\r\n\r\nans\r\n", "ans", "a"),
    ("  <think>a</think>ans", "ans", "a"),
    ("pre <think>a</think>ans", "ans", "pre\na"),
    ("pre <think></think>ans", "ans", "pre"),
    ("a</think>ans", "ans", "a"),
    ("</think>ans", "ans", None),
    ("<think></think>ans", "ans", None),
    ("<think>\n\n</think>\n\nans", "ans", None),
    ("<think>a</think>", "", "a"),
    ("<think>a</think>\n \n", "", "a"),
    ("a</think>", "", "a"),
    ("</think>", "", None),
    ("<think>a</think>x<think>b</think>y", "y", "a\nx\nb"),
    ("<think>a</think><think>b</think>y", "y", "a\nb"),
    ("<think>a</think>x</think>y", "y", "a\nx"),
    ("a</think>x<think>b</think>y", "y", "a\nx\nb"),
    ("<think>a<think>b</think>c</think>d", "d", "a\nb\nc"),
    ("<think>a<think>b</think>c", "c", "a\nb"),
    ("<THINK>a</THINK>ans", "<THINK>a</THINK>ans", None),
    ("<Think>a</Think>ans", "<Think>a</Think>ans", None),
    ("<thi nk>a</thi nk>ans", "<thi nk>a</thi nk>ans", None),
    ("< think >a</ think >ans", "< think >a</ think >ans", None),
    ("<thinking>a</thinking>ans", "<thinking>a</thinking>ans", None),
    ("a</thi", "a</thi", None),
    ("<think", "<think", None),
    ("&lt;think&gt;a&lt;/think&gt;ans", "&lt;think&gt;a&lt;/think&gt;ans", None),
    ("<think>1 < 2 > 0</think>x < y", "x < y", "1 < 2 > 0"),
    ("<think>ä 漢字 🤔</think>ß", "ß", "ä 漢字 🤔"),
    ("<think>a\n\nb c</think>ans", "ans", "a\n\nb c"),
    ("<think>a</think>l1\n\nl2", "l1\n\nl2", "a"),
    ("<think><|im_end|>(.*)+\\1</think>$", "$", "<|im_end|>(.*)+\\1"),
]
KEPT = [  # unfinished reasoning stays in the answer
    ("<think>a", "<think>a", None),
    ("<think>", "<think>", None),
    ("pre <think>a", "pre <think>a", None),
    ("<think>a</thi", "<think>a</thi", None),
    ("<think>a<think>b", "<think>a<think>b", None),
    ("<think>a</think>x<think>b", "x<think>b", "a"),
    ("<think></think>\n<think>b\n", "<think>b", None),
]
DROPPED = [  # unfinished reasoning is taken out
    ("<think>a", "", "a"),
    ("<think>", "", None),
    ("pre <think>a", "pre", "a"),
    ("\n <think>a", "", "a"),
    ("<think>a</thi", "", "a</thi"),
    ("<think>a<think>b", "", "a\nb"),
    ("<think>a</think>x<think>b", "x", "a\nb"),
    ("<think>a</think><think>b", "", "a\nb"),
]
CUSTOM = [
    (OTHER, "[THINK]a[/THINK]ans", "ans", "a"),
    (OTHER, "<think>a</think>ans", "<think>a</think>ans", None),
    (OTHER | STRICT, "pre[THINK]a", "pre", "a"),
    (NO_START, "a</think>ans", "ans", "a"),
    (NO_START, "<think>a</think>ans", "ans", "<think>a"),
    (NO_START, "<think>a", "<think>a", None),
    (NO_START | STRICT, "<think>a", "<think>a", None),
    (NO_START | STRICT, "plain answer", "plain answer", None),
    ({"end_reasoning_token": ".*"}, "<think>a.*ans", "ans", "a"),
    ({"end_reasoning_token": "\n"}, "<think>a\nans", "ans", "a"),
    ({"add_reasoning": False}, "<think>a</think>ans", "<think>a</think>ans", None),
    ({"add_reasoning": False} | STRICT, "<think>a", "<think>a", None),
]


@pytest.mark.parametrize(
    ("keys", "text", "answer", "reasoning"),
    [
        *(({}, *row) for row in BOTH_WAYS),
        *((STRICT, *row) for row in BOTH_WAYS),
        *(({}, *row) for row in KEPT),
        *((STRICT, *row) for row in DROPPED),
        *CUSTOM,
    ],
)
def test_what_an_answer_is_made_of(keys: Keys, text: str, answer: str, reasoning: str | None) -> None:
    before = Response(text=text, finish_reason="stop", seconds=1.5)
    _, after = ask(built(**keys), answer=before)
    assert after == before.replace(text=answer, reasoning=reasoning)


NEMO = [  # text -> answer in NeMo's older line, and there with include_if_not_finished false
    ("<think>a</think>ans", "ans", "ans"),
    ("pre <think>a</think>ans", "ans", "ans"),
    ("a</think>ans", "ans", "ans"),
    ("<think>a", "<think>a", ""),
    ("<think>a</think>x<think>b</think>y", "y", "y"),
    ("<THINK>a</THINK>ans", "<THINK>a</THINK>ans", ""),
    ("plain answer", "plain answer", ""),
]
"""Its new line agrees in the first row, the fourth and the last two, and lets the tokens of the others through."""
BLANKED = ("<THINK>a</THINK>ans", "plain answer")
"""Of these the older line leaves nothing, which this never does."""


@pytest.mark.parametrize(("text", "answer", "strict"), NEMO)
def test_the_table_of_nemo(text: str, answer: str, strict: str) -> None:
    _, response = ask(built(), answer=Response(text=text))
    assert response.text == answer
    _, response = ask(built(**STRICT), answer=Response(text=text))
    assert response.text == (text if text in BLANKED else strict)


@pytest.mark.parametrize("keys", [{}, STRICT, NO_START, {"add_reasoning": False}])
@pytest.mark.parametrize(
    "given", [("ans", "a"), ("", "a"), (" \n", "a"), ("x</think>ans", "a"), ("<think>x", "a"), ("ans", "<think>a")]
)
def test_reasoning_that_the_server_gave_apart_stays_and_so_does_the_answer(keys: Keys, given: Given) -> None:
    before = Response(text=given[0], reasoning=given[1])
    _, after = ask(built(**keys), answer=before)
    assert after == before


@pytest.mark.parametrize("blank", ["", " \n"])
def test_blank_reasoning_of_the_server_is_none(blank: str) -> None:
    _, after = ask(built(), answer=Response(text="<think>a</think>ans", reasoning=blank))
    assert (after.text, after.reasoning) == ("ans", "a")


@pytest.mark.parametrize(
    ("given", "text", "reasoning"),
    [
        (("ans", "a"), "<think>a</think>ans", None),
        (("", "a\n"), "<think>a\n</think>", None),
        (("ans", None), "ans", None),
        (("<think>b</think>ans", None), "<think>b</think>ans", None),
    ],
)
def test_reasoning_is_put_back(given: Given, text: str, reasoning: str | None) -> None:
    interceptor = built(add_reasoning=False, migrate_reasoning_content=True)
    _, after = ask(interceptor, answer=Response(text=given[0], reasoning=given[1]))
    assert (after.text, after.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("keys", "answers", "with_reasoning", "started", "finished", "words"),
    [
        ({}, [], 0, 0, 0, 0.0),
        ({}, [("plain answer", None), ("", None)], 0, 0, 0, 0.0),
        ({}, [("<think>a b</think>x", None), ("c d e</think>", None)], 2, 2, 2, 2.5),
        ({}, [("<think></think>x", None)], 0, 1, 1, 0.0),
        ({}, [("<think>a b", None), ("<think>", None)], 1, 2, 0, 2.0),
        ({}, [("<think>a</think>x<think>b", None)], 1, 1, 0, 2.0),
        ({}, [("x", "a b c"), ("", "a"), (" ", "a")], 3, 3, 1, 1.7),
        (STRICT, [("<think>a b", None), ("plain", None)], 1, 1, 0, 2.0),
        (NO_START, [("<think>a", None), ("a</think>x", None)], 1, 1, 1, 1.0),
        ({"add_reasoning": False}, [("<think>a b</think>x", None)], 1, 1, 1, 2.0),
    ],
)
def test_counts(
    keys: Keys, answers: list[Given], with_reasoning: int, started: int, finished: int, words: float
) -> None:
    interceptor = built(**keys)
    for text, reasoning in answers:
        ask(interceptor, answer=Response(text=text, reasoning=reasoning))
    assert interceptor.report() == {
        "total": len(answers),
        "with_reasoning": with_reasoning,
        "started": started,
        "finished": finished,
        "unfinished": started - finished,
        "average_words": words,
    }


def test_nothing_is_counted_where_it_is_not_wanted() -> None:
    interceptor = built(track_reasoning=False)
    _, after = ask(interceptor, answer=Response(text="<think>a</think>ans"))
    assert (after.text, interceptor.report()) == ("ans", {})


SIZE = 1_000_000


@pytest.mark.parametrize(
    "unit", ["<", "</", "</think", "<think>", "</think>", "<think></think>", "<think>a", " ", "\n"]
)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("<think>", ""), ("", "</think>"), ("<think>", "</think>ans")])
def test_a_megabyte_of_hostile_text(unit: str, before: str, after: str) -> None:
    text = before + unit * (SIZE // len(unit)) + after
    _, response = ask(built(**STRICT), answer=Response(text=text))
    assert response.text.endswith("ans") == after.endswith("ans")
    assert len(response.text) <= len(text)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"end_reasoning_token": ""}, "must not be empty"),
        ({"start_reasoning_token": ""}, "must not be empty"),
        ({"end_reasoning_token": "<think>"}, "both '<think>'"),
        ({"migrate_reasoning_content": True}, "needs add_reasoning: false"),
        ({"migrate_reasoning_content": True, "add_reasoning": False} | NO_START, "and a start_reasoning_token"),
        ({"track_reasoning": True, "enable_reasoning_tracking": True}, "set twice"),
    ],
)
def test_settings_that_cannot_be(keys: Keys, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        built(**keys)


def test_the_names_of_nemo_s_flags() -> None:
    _, response = ask(built(include_if_reasoning_not_finished=False), answer=Response(text="pre <think>a"))
    assert response.text == "pre"


@pytest.mark.parametrize(
    "keys",
    [{"start_token": "x"}, {"cache_dir": "/tmp"}, {"include_if_not_finished": "no"}, {"end_reasoning_token": None}],
)
def test_keys_are_strict(keys: Keys) -> None:
    with pytest.raises(msgspec.ValidationError):
        built(**keys)
