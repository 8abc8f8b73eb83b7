"""A model in Triton Inference Server, by PyTriton, with the OpenAI front before it.

Triton takes one text a request, the call as JSON, and gives one, the reply: calls of any kind then share a batch.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import supervise
from .bridge import Bridge
from .common import (
    ModelSettings,
    ServerError,
    check_port,
    free_port,
    make_engine,
    model_settings,
    own_folder,
    parser,
    say,
)
from .values import Call

CALL, REPLY = "call", "reply"
POLL_SECONDS = 0.25
EXIT_SECONDS = 2
"""How long Triton waits for what is in progress: whoever asked for it is gone."""


def main(arguments: Sequence[str]) -> NoReturn:
    """The command line; ends by a signal or an error."""
    options = _parser().parse_args(arguments)
    settings = model_settings(options)
    if not supervise.SHARED_MEMORY.is_dir():
        raise ServerError(f"Triton needs shared memory, and there is no {supervise.SHARED_MEMORY} here: mount it")
    port = check_port(options.host, options.triton_port, "triton_port") if options.triton_port else None
    port = port or free_port(options.host)
    name = options.triton_model_name or re.sub(r"[^a-zA-Z0-9._-]", "_", settings.name)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    front = _start_front(options, port, name)
    triton: Any = None
    try:
        bridge = Bridge(make_engine(settings), settings.name, settings.max_batch_size)
        say("the model is loaded; starting Triton")
        triton = _make_triton(options.host, port, name, bridge, settings)
        triton.run()
        supervise.note_litter(own_folder())
        say("Triton is ready")
        while triton.is_alive() and front.poll() is None:
            time.sleep(POLL_SECONDS)
        raise ServerError("tritonserver ended" if front.poll() is None else "the OpenAI front ended")
    finally:
        front.terminate()  # first: Triton waits for open connections
        front.wait()
        if triton is not None:
            triton.stop()


def _parser() -> Any:
    made = parser("Serves a model with Triton (PyTriton) and an OpenAI front.")
    made.add_argument("--triton-port", type=int)
    made.add_argument("--triton-model-name")
    return made


def _start_front(options: Any, port: int, name: str) -> subprocess.Popen[bytes]:
    """A process of its own: its threads do not compete with the model's for the interpreter."""
    script = Path(__file__).with_name("start.py")
    words = ["--host", options.host, "--port", str(options.port), "--served-model-name", options.served_model_name]
    triton = ["--triton-port", str(port), "--triton-model-name", name]
    return subprocess.Popen([sys.executable, str(script), "triton_front", *words, *triton])


def _make_triton(host: str, port: int, name: str, bridge: Bridge, settings: ModelSettings) -> Any:
    try:
        from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
        from pytriton.triton import Triton, TritonConfig
    except ImportError as error:
        raise ServerError(f"PyTriton cannot be imported ({error}): pip install nvidia-pytriton") from None
    _find_python_library()
    workspace = own_folder() / "triton"
    configuration = TritonConfig(
        http_address=host, http_port=port, allow_grpc=False, allow_metrics=False, exit_timeout_secs=EXIT_SECONDS
    )
    triton = Triton(config=configuration, workspace=workspace)
    batcher = DynamicBatcher(max_queue_delay_microseconds=int(settings.batch_wait * 1e6))
    triton.bind(
        model_name=name,
        infer_func=lambda requests: infer(bridge, requests),
        inputs=[Tensor(name=CALL, dtype=bytes, shape=(1,))],
        outputs=[Tensor(name=REPLY, dtype=bytes, shape=(1,))],
        config=ModelConfig(max_batch_size=settings.max_batch_size, batcher=batcher),
        strict=True,
    )
    return triton


def infer(bridge: Bridge, requests: Sequence[Any]) -> list[dict[str, Any]]:
    """What Triton calls with a batch: requests of one or more calls each."""
    import numpy

    calls = [[Call.from_json(row[0]) for row in request[CALL]] for request in requests]
    replies = iter(bridge.answer([call for several in calls for call in several]))
    made = []
    for several in calls:
        texts = [[next(replies).to_json().encode()] for _ in several]
        made.append({REPLY: numpy.array(texts, dtype=object)})
    return made


def _find_python_library() -> None:
    """Triton's Python backend links this interpreter's library; the loader may know another build of it."""
    folder = sysconfig.get_config_var("LIBDIR") or ""
    known = os.environ.get("LD_LIBRARY_PATH", "")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(part for part in (folder, known) if part)
