"""A model in Ray Serve: replicas of our bridge on any host, or ``ray.serve.llm`` on hosts with a GPU.

Ray's own HTTP proxy is not used for the bridge: the front calls the deployment by its handle. So the port is ours on a
cluster that has a Serve already too, and nothing of that Serve is touched.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import ray_llm, ray_logs
from .bridge import Bridge
from .common import (
    ModelSettings,
    ServerError,
    engine_kind,
    has_gpu,
    make_engine,
    model_settings,
    own_folder,
    parser,
    say,
)
from .front import Front, UnavailableError, allow_connections
from .ray_settings import Scaling, add_arguments, scaling
from .supervise import SHARED_MEMORY
from .values import VERSION, Call, Reply

OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Of a Ray of our own: calls and replies are small."""
POLL_SECONDS = 1.0


def main(arguments: Sequence[str]) -> int:
    """The command line; ends by a signal or an error."""
    options = make_parser().parse_args(arguments)
    settings, scale = model_settings(options), scaling(options)
    address = os.environ.get("RAY_ADDRESS", "")
    if not address:
        engine_kind(settings)  # what does not fit is said at once; on a cluster its workers know
    prepare_environment(joins=bool(address))
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise ServerError(f"Ray Serve cannot be imported ({error}): pip install 'ray[serve]'") from None
    name = f"nemo-eval-{secrets.token_hex(4)}"
    keeps = True
    try:
        _connect(ray, address)
        keeps = has_serve(ray)
        _check_resources(ray, scale, joins=bool(address))
        if _uses_llm(settings):
            if keeps:
                raise ServerError(
                    "a Ray Serve runs on this cluster already, and its address is not ours to set: give it with "
                    "--model-url, or say engine: transformers"
                )
            ray_llm.serve_until_the_end(options.host, options.port, name, settings, scale)
        _serve_bridge(options, name, settings, scale)
    finally:
        if ray.is_initialized():
            _end(serve, name, keeps)
            ray.shutdown()
    return 0


def make_parser() -> argparse.ArgumentParser:
    return add_arguments(parser("Serves a model with Ray Serve."))


def prepare_environment(joins: bool) -> None:
    """Before Ray is imported: no statistics go out, and a Ray of our own has a token that ends with it.

    A local Ray of ours is closed to other users of the machine by a token in our private folder; Ray would else write
    one under the user's home. Who says RAY_AUTH_MODE, or joins a cluster, is left alone.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if joins or "RAY_AUTH_MODE" in os.environ:
        return
    token = own_folder() / "ray-token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    os.environ.pop("RAY_AUTH_TOKEN", None)


def _connect(ray: Any, address: str) -> None:
    """A running cluster, or a Ray of our own, on loopback, with its files in our folder."""
    if address:
        say(f"joining the Ray at {address}")
        ray.init(address=address)
        return
    say("starting a Ray of our own")
    ray.init(
        address="local",
        _temp_dir=str(own_folder() / "ray"),
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _plasma_directory=object_store(SHARED_MEMORY, own_folder()),
    )


def object_store(shared: Path, folder: Path) -> str | None:
    """Where Ray's object store lies: None leaves it to Ray, which ends where there is no shared memory at all."""
    return None if shared.is_dir() else str(folder)


def has_serve(ray: Any) -> bool:
    """Whether somebody's Serve runs on the cluster; it has a namespace of its own."""
    return any(actor["namespace"] == "serve" for actor in ray.util.list_named_actors(all_namespaces=True))


def _end(serve: Any, name: str, keeps: bool) -> None:
    """Our application, and Serve itself where it was not there before."""
    if not keeps:
        serve.shutdown()
    elif name in serve.status().applications:
        serve.delete(name)


def _check_resources(ray: Any, scale: Scaling, joins: bool) -> None:
    """A replica that fits nowhere would be waited for without end."""
    there = ray.cluster_resources()
    replicas = scale.min_replicas or scale.num_replicas
    for kind, wanted in (("CPU", scale.num_cpus_per_replica), ("GPU", scale.num_gpus_per_replica)):
        if replicas * wanted > there.get(kind, 0):
            where = "the cluster" if joins else "this machine"
            raise ServerError(
                f"{replicas} replicas of {wanted:g} {kind} do not fit: {where} has {there.get(kind, 0):g}; lower "
                f"num_replicas or num_{kind.lower()}s_per_replica"
            )


def _uses_llm(settings: ModelSettings) -> bool:
    return settings.engine == "vllm" or (settings.engine == "auto" and find_spec("vllm") is not None and has_gpu())


def _serve_bridge(options: argparse.Namespace, name: str, settings: ModelSettings, scale: Scaling) -> None:
    from ray import serve

    behind = Replicas()
    allow_connections()
    with Front((options.host, options.port), settings.name, behind) as front:
        front.start()
        serve.start(proxy_location="Disabled")
        say("deploying the replicas")
        try:
            behind.handle = serve.run(make_application(settings, scale), name=name, route_prefix=None)
        except RuntimeError as error:
            raise ServerError(f"{error}\n{ray_logs.cause(serve.status(), name, own_folder())}") from None
        say("Ray Serve is ready")
        threading.Event().wait()  # until a signal


def make_application(settings: ModelSettings, scale: Scaling) -> Any:
    """Replicas of the bridge. Its modules travel by value: a cluster's other nodes need none of our files."""
    import ray.cloudpickle
    from ray import serve

    ray.cloudpickle.register_pickle_by_value(sys.modules[__package__])

    class Model:
        def __init__(self) -> None:
            self._bridge = Bridge(make_engine(settings), settings.name, settings.max_batch_size)
            self._thread = ThreadPoolExecutor(1)

        @serve.batch(max_batch_size=settings.max_batch_size, batch_wait_timeout_s=settings.batch_wait)  # type: ignore[untyped-decorator]
        async def _batch(self, calls: list[str]) -> list[str]:
            made = [Call.from_json(call) for call in calls]
            replies = await asyncio.get_running_loop().run_in_executor(self._thread, self._bridge.answer, made)
            return [reply.to_json() for reply in replies]

        async def answer(self, call: str) -> str:
            return await self._batch(call)  # type: ignore[no-any-return]

        def check_health(self) -> None:
            """A replica whose engine broke is replaced."""
            if not self._bridge.healthy:
                raise RuntimeError("the engine failed at its last batch")

    return serve.deployment(Model, **scale.deployment_options()).bind()


class Replicas:
    """The replicas behind the front."""

    def __init__(self) -> None:
        self.handle: Any = None

    def ready(self) -> bool:
        return self.handle is not None

    def version(self) -> str:
        import ray

        return f"ray {ray.__version__}, {self.answer(Call(VERSION, '')).body}"

    def answer(self, call: Call) -> Reply:
        if self.handle is None:
            raise UnavailableError("the replicas are not up yet")
        try:
            return Reply.from_json(self.handle.answer.remote(call.to_json()).result())
        except Exception as error:  # a replica that died, one that is overloaded, a cluster that is gone
            raise UnavailableError(f"Ray Serve does not answer: {type(error).__name__}: {str(error)[:300]}") from None
