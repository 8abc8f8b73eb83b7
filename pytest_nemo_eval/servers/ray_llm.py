"""``ray.serve.llm``, which is vLLM in Ray Serve: for hosts with a GPU and ``ray[llm]``."""

from __future__ import annotations

import threading
from typing import Any

from .common import ModelSettings, ServerError, say
from .ray_settings import Scaling


def llm_arguments(settings: ModelSettings, scale: Scaling) -> dict[str, Any]:
    """The argument of ``build_openai_app``, as a plain value."""
    engine = {
        "tensor_parallel_size": settings.tensor_parallel_size,
        "pipeline_parallel_size": settings.pipeline_parallel_size,
        "max_model_len": settings.max_model_len,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "dtype": settings.dtype,
    }
    return {
        "llm_configs": [
            {
                "model_loading_config": {"model_id": settings.name, "model_source": settings.model},
                "engine_kwargs": {name: value for name, value in engine.items() if value is not None},
                "deployment_config": scale.scaling_options(),
            }
        ]
    }


def serve_until_the_end(host: str, port: int, name: str, settings: ModelSettings, scale: Scaling) -> None:
    """Serve behind Ray's own HTTP proxy, which must not be there yet.

    Raises:
        ServerError: ``ray.serve.llm`` is not there.
    """
    from ray import serve

    try:
        from ray.serve.llm import build_openai_app
    except ImportError as error:
        raise ServerError(f"ray.serve.llm cannot be imported ({error}): pip install 'ray[llm]'") from None
    serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
    serve.run(build_openai_app(llm_arguments(settings, scale)), name=name)
    say("Ray Serve is ready")
    threading.Event().wait()  # until a signal
