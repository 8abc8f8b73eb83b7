"""What interceptors cost in process: CPU of a request through four of them, beside one through none.

``python perf/interceptors.py``. Exit code 1 where the difference is above the bound. Needs nothing but the package.
"""

from __future__ import annotations

import asyncio
import sys
import time

from pytest_nemo_eval import CallNext, Message, Request, Response, Usage
from pytest_nemo_eval.chat import Json
from pytest_nemo_eval.interceptors import chain, create_interceptor

BOUND_MICROSECONDS = 40.0
REQUESTS, ROUNDS = 5_000, 20
QUESTION = Request(
    messages=(Message("user", "Natalia sold clips to 48 of her friends in April, and then half as many in May. " * 5),),
    parameters={"max_tokens": 1024, "temperature": 0.0, "seed": 7, "stop": ["Question:"]},
    sample_id="gsm8k-0",
)
ANSWER = Response(
    text="<think>" + "First 48, then half of it. " * 60 + "</think>\n\nShe sold 72 clips. The answer is 72.",
    finish_reason="stop",
    usage=Usage(120, 400),
    seconds=0.5,
)
FOUR: list[tuple[str, dict[str, Json]]] = [
    ("system_message", {"system_message": "You are a careful mathematician."}),
    ("payload_modifier", {"params_to_remove": ["seed"], "params_to_rename": {"max_tokens": "max_completion_tokens"}}),
    ("response_stats", {"every": 0}),
    ("reasoning", {}),
]


async def send(request: Request) -> Response:
    """The innermost place, which costs both sides the same."""
    return ANSWER


async def cost(link: CallNext) -> float:
    """Microseconds of CPU a request."""
    start = time.process_time()
    for _ in range(REQUESTS):
        await link(QUESTION)
    return (time.process_time() - start) / REQUESTS * 1e6


def main() -> int:
    four, none = chain([create_interceptor(name, keys) for name, keys in FOUR], send), chain([], send)
    both = [(asyncio.run(cost(four)), asyncio.run(cost(none))) for _ in range(ROUNDS)]
    through, beside = (min(side) for side in zip(*both, strict=True))  # a neighbour on the core makes each dearer
    more = through - beside
    print(f"{', '.join(name for name, _ in FOUR)}: {through:.1f} µs of CPU a request, an empty chain {beside:.1f} µs")
    print(f"four interceptors cost {more:.1f} µs; the bound is {BOUND_MICROSECONDS:g} µs")
    return int(more > BOUND_MICROSECONDS)


if __name__ == "__main__":
    sys.exit(main())
