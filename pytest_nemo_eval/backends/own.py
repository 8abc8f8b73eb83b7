"""Command lines of the servers of ours (``servers/``), which run in an environment of their own."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..config.settings import DeploymentSettings
from ..errors import ConfigError
from ..server import HOST, PORT, LogHint
from .base import served_name

START = Path(__file__).resolve().parents[1] / "servers" / "start.py"
ENVIRONMENT = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "VLLM_NO_USAGE_STATS": "1"}
ARGUMENTS: Mapping[str, type] = {
    "engine": str,
    "max_batch_size": int,
    "batch_wait_timeout_s": float,
    "dtype": str,
    "device": str,
}
"""Server arguments of every server of ours, and what they take."""
HINTS = (
    LogHint(text="cannot be used: Address already in use", advice="end what uses the port, or leave it out"),
    LogHint(
        text="PyTriton cannot be imported",
        advice="deployment.python names the interpreter of an environment with nvidia-pytriton, torch and transformers",
    ),
    LogHint(
        text="Ray Serve cannot be imported",
        advice="deployment.python names the interpreter of an environment with ray[serve], torch and transformers",
    ),
    LogHint(text="ray.serve.llm cannot be imported", advice="install ray[llm] there, or say engine: transformers"),
    LogHint(text="do not fit", advice="lower num_replicas, num_cpus_per_replica or num_gpus_per_replica"),
    LogHint(text="is greater than the model's own", advice="lower --max-model-len"),
    LogHint(text="has no tensor or pipeline parallelism", advice="leave it out, or say engine: vllm on a GPU host"),
    LogHint(
        text="LocalEntryNotFoundError",
        advice="the model is neither a folder nor in the hub's cache: check --model-path",
    ),
    LogHint(text="Repo id must", advice="the model is neither a folder nor a hub id: check --model-path"),
    LogHint(text="RepositoryNotFoundError", advice="the hub has no such model: check --model-path (and HF_TOKEN)"),
    LogHint(text="Can't load the configuration of", advice="this is no model: check --model-path"),
    LogHint(text="is not a local folder and is not a valid model identifier", advice="check --model-path"),
    LogHint(text="_recursion_count", advice="Triton loaded another libpython than this Python's: set LD_LIBRARY_PATH"),
    LogHint(text="CUDA out of memory", advice="lower max_batch_size or --max-model-len, or use more GPUs"),
    LogHint(text="No module named", advice="the server's environment (deployment.python) is incomplete"),
)
PROGRESS = (
    "Loading weights",
    "the model is loaded",
    "starting a Ray",
    "joining the Ray",
    "deploying the replicas",
    "Triton is ready",
    "Ray Serve is ready",
)
_FLAGS = {"max_model_len": "--max-model-len", "gpu_memory_utilization": "--gpu-memory-utilization"}
_PARALLEL = {"tensor_parallelism": "--tensor-parallel-size", "pipeline_parallelism": "--pipeline-parallel-size"}


def command_line(program: str, deployment: DeploymentSettings, arguments: Mapping[str, type]) -> tuple[str, ...]:
    """The words that start one.

    Raises:
        ConfigError: a server argument that it has not.
    """
    words = [python(deployment), str(START), program, "--model", model_path(deployment)]
    words += ["--served-model-name", served_name(deployment), "--host", HOST, "--port", PORT]
    for field, flag in {**_FLAGS, **_PARALLEL}.items():
        value: float | None = getattr(deployment, field)
        if value is not None:
            words += [flag, str(value)]
    return (*words, *_further(deployment, {**ARGUMENTS, **arguments}))


def python(deployment: DeploymentSettings) -> str:
    """The interpreter: that of ``deployment.python``, else the one that runs pytest."""
    return sys.executable if deployment.python is None else str(Path(deployment.python).expanduser())


def model_path(deployment: DeploymentSettings) -> str:
    """A folder by its whole path: Ray's workers may run in another place than pytest. An id of the hub as it stands."""
    model = deployment.model_path or ""
    folder = Path(model).expanduser() if model.startswith("~") else Path(model)
    written_as_path = model.startswith(("~", "/", "./", "../"))
    return str(folder.absolute()) if written_as_path or (model and folder.is_dir()) else model


def _further(deployment: DeploymentSettings, known: Mapping[str, type]) -> Iterator[str]:
    for written, value in deployment.server_args.items():
        name = written.lstrip("-").replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"server argument {written}: {deployment.type} has none of this name; {hint}")
        yield f"--{name.replace('_', '-')}={checked(name, value, known[name])}"


def checked(name: str, value: str | float | bool, kind: type) -> str | float:
    """The value, if it is of that kind.

    Raises:
        ConfigError: it is not.
    """
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits:
        wanted = {int: "a whole number", float: "a number", str: "a text"}[kind]
        raise ConfigError(f"server argument {name}: takes {wanted}, not {value!r}")
    return value
