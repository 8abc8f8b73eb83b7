"""Answers calls with an engine alone: ``python engine.py START ENGINE MODEL < CALLS``, in an environment that has it.

CALLS is a list of ``[protocol, body]`` in JSON; the replies follow the word ``replies``: engines print too.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path


def main() -> None:
    start, kind, model = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("start", Path(start))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    common, bridge, values = (module.load(name) for name in ("common", "bridge", "values"))
    settings = common.ModelSettings(model=model, name="m", engine=kind, max_model_len=2048, device="cpu")
    made = bridge.Bridge(common.make_engine(settings), "m", settings.max_batch_size)
    calls = [values.Call(protocol, json.dumps(body)) for protocol, body in json.load(sys.stdin)]
    replies = made.answer(calls)
    print("\nreplies", json.dumps([[reply.status, json.loads(reply.body)] for reply in replies]), flush=True)


if __name__ == "__main__":  # vLLM starts processes that import this file
    main()
