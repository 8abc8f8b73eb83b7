"""What the server programs share: their settings, their engine, ports and signals."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from . import transformers_engine, vllm_engine
from .values import Engine

ENGINES = ("auto", "transformers", "vllm")


def say(text: str) -> None:
    """A line for the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class ServerError(Exception):
    """What cannot be served, and what to do about it."""


@dataclass(frozen=True)
class ModelSettings:
    """What is served.

    Attributes:
        name: the name that requests carry.
        engine: ``auto`` takes vLLM where it is installed and a GPU is there, else transformers.
        max_batch_size: prompts at once.
        batch_wait: seconds to wait for more of them.
    """

    model: str
    name: str
    engine: str = "auto"
    max_model_len: int | None = None
    max_batch_size: int = 8
    batch_wait: float = 0.01
    dtype: str = "auto"
    device: str = "auto"
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    gpu_memory_utilization: float | None = None


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments of every server of ours."""
    made = argparse.ArgumentParser(description=description, allow_abbrev=False)
    made.add_argument("--model", required=True)
    made.add_argument("--served-model-name", required=True)
    made.add_argument("--host", required=True)
    made.add_argument("--port", type=int, required=True)
    made.add_argument("--engine", default="auto")
    made.add_argument("--max-model-len", type=int)
    made.add_argument("--max-batch-size", type=int, default=8)
    made.add_argument("--batch-wait-timeout-s", type=float, default=0.01)
    made.add_argument("--dtype", default="auto")
    made.add_argument("--device", default="auto")
    made.add_argument("--tensor-parallel-size", type=int, default=1)
    made.add_argument("--pipeline-parallel-size", type=int, default=1)
    made.add_argument("--gpu-memory-utilization", type=float)
    return made


def model_settings(options: argparse.Namespace) -> ModelSettings:
    return ModelSettings(
        model=options.model,
        name=options.served_model_name,
        engine=options.engine,
        max_model_len=options.max_model_len,
        max_batch_size=options.max_batch_size,
        batch_wait=options.batch_wait_timeout_s,
        dtype=options.dtype,
        device=options.device,
        tensor_parallel_size=options.tensor_parallel_size,
        pipeline_parallel_size=options.pipeline_parallel_size,
        gpu_memory_utilization=options.gpu_memory_utilization,
    )


def engine_kind(settings: ModelSettings) -> str:
    """Which engine this machine gets.

    Raises:
        ServerError: the settings do not fit it.
    """
    kind = settings.engine
    if kind == "auto":
        kind = "vllm" if find_spec("vllm") and has_gpu() else "transformers"
    if kind not in ("transformers", "vllm"):
        raise ServerError(f"engine {kind}: there are {', '.join(ENGINES)}")
    if kind == "transformers" and settings.tensor_parallel_size * settings.pipeline_parallel_size > 1:
        raise ServerError(
            "the engine transformers has no tensor or pipeline parallelism: leave them out, or use the engine vllm, "
            "which needs a GPU host with vLLM installed"
        )
    return kind


def make_engine(settings: ModelSettings) -> Engine:
    """Loads the model.

    Raises:
        ServerError: the settings do not fit the engine.
    """
    if engine_kind(settings) == "vllm":
        return vllm_engine.VllmEngine(
            settings.model,
            max_model_len=settings.max_model_len,
            dtype=settings.dtype,
            max_num_seqs=settings.max_batch_size,
            tensor_parallel_size=settings.tensor_parallel_size,
            pipeline_parallel_size=settings.pipeline_parallel_size,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            enforce_eager=None if has_gpu() else True,  # compiling takes minutes, and on a CPU it does not pay
        )
    return transformers_engine.TransformersEngine(
        settings.model, context=settings.max_model_len, dtype=settings.dtype, device=settings.device
    )


def has_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def own_folder() -> Path:
    """The program's folder for temporary files; whoever supervises it removes it."""
    return Path(os.environ["NEMO_EVAL_SERVER_FOLDER"])


def free_port(host: str) -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        return int(free.getsockname()[1])


def check_port(host: str, port: int, setting: str) -> int:
    """The port, if it can be used.

    Raises:
        ServerError: it is taken.
    """
    with socket.socket() as wanted:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wanted.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"port {port} ({setting}) cannot be used: {error.strerror}; leave {setting} out to get a free one"
            ) from None
    return port


class Ending(BaseException):
    """SIGTERM or SIGINT: raised once, in the main thread, wherever that is."""


def end_by_signal() -> None:
    """From now on, the first SIGTERM or SIGINT raises ``Ending``; later ones do not disturb the clean-up."""

    def end(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise Ending

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
