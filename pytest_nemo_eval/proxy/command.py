"""The command line: makes the chain, serves until it is told to end or its parent is gone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from aiohttp import web

from ..chat import Json
from ..config.chain_file import read_chain_file
from ..endpoint import Endpoint, Secret, find_key, parse_url
from ..errors import ConfigError
from ..interceptors import Interceptor, check_order, create_interceptors, identify_all, name_of
from .server import Proxy
from .upstream import Upstream

HOST = "127.0.0.1"
WATCH_SECONDS = 0.2
LEFT_SECONDS = 0.1
"""How long answers in the making may take at the end."""
HANGING_SECONDS = 5.0
"""After which a process without a parent ends, whatever hangs."""
USAGE = 2


def main(arguments: list[str], parent: int) -> int:
    """Serve. Returns the exit code: 0 at the end, 2 where what was asked for cannot be done.

    Args:
        parent: the process that this one ends with.
    """
    options = parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pytest_nemo_eval").setLevel(options.log_level.upper())
    try:
        base_url, _ = parse_url(options.upstream)
        endpoint = Endpoint(base_url, options.model_id, api_key=_key(base_url, options.api_key_env))
        interceptors = create_chain(options.chain, f"{base_url} {options.model_id}")
    except ConfigError as error:
        print(f"pytest_nemo_eval.proxy: {error}", file=sys.stderr)  # noqa: T201  # a program's own words
        return USAGE
    try:
        asyncio.run(_serve(options, endpoint, interceptors, parent))
    except ConfigError as error:
        print(f"pytest_nemo_eval.proxy: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    finally:
        reports = _close(interceptors)
    return _tell(reports, options.report)


def create_chain(path: Path | None, identity: str) -> list[Interceptor]:
    """The interceptors of a chain file.

    Args:
        identity: whom they stand before; caches are told.

    Raises:
        ConfigError: what is wrong, with file and line.
    """
    found = read_chain_file(path) if path is not None else []
    places = [str(path)]

    def entries() -> Iterator[tuple[str, Mapping[str, Json]]]:
        for place, one in found:
            places.append(place)
            yield one.name, one.config
        places.append(str(path))

    try:
        made = create_interceptors(entries())
        check_order([name_of(one) for one in made], made)
    except ConfigError as error:
        raise ConfigError(f"{places[-1]}: {error}") from None
    identify_all(made, identity)
    return made


async def _serve(options: argparse.Namespace, endpoint: Endpoint, interceptors: list[Interceptor], parent: int) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ending.set)
    upstream = Upstream(endpoint, options.timeout, options.max_retries, options.max_concurrent)
    server = web.Server(Proxy(upstream, interceptors).handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=LEFT_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, options.port, backlog=1024).start()
        except OSError as error:
            raise ConfigError(f"cannot listen on {HOST}:{options.port}: {os.strerror(error.errno or 0)}") from None
        print(f"http://{HOST}:{runner.addresses[0][1]}/v1", flush=True)  # noqa: T201  # whoever started it waits for it
        watch = threading.Thread(target=_watch, args=(parent, loop, ending), daemon=True, name="nemo-eval-parent")
        watch.start()
        await ending.wait()
    finally:
        await runner.cleanup()
        await upstream.close()


def _watch(parent: int, loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    """A thread, so that an interceptor which blocks the loop keeps nothing alive."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(ending.set)
    time.sleep(HANGING_SECONDS)
    os._exit(1)


def _close(interceptors: list[Interceptor]) -> dict[str, Mapping[str, Json]]:
    """Have interceptors write what they hold; what they have to say, by their names."""
    said: dict[str, Mapping[str, Json]] = {}
    for interceptor in interceptors:
        name = name_of(interceptor)
        try:
            for step in ("close", "report"):
                own = getattr(interceptor, step, None)
                told = own() if callable(own) else None
                if step == "report" and told:
                    said[name if name not in said else f"{name} ({len(said) + 1})"] = told
        except Exception:  # the user's code: the others are closed all the same
            logging.getLogger(__name__).exception("the interceptor %s could not be closed", name)
    return said


def _tell(reports: Mapping[str, Mapping[str, Json]], path: Path | None) -> int:
    """Reports on stderr, a line each, and in a file if there is to be one."""
    for name, report in reports.items():
        print(f"{name}: {json.dumps(report, default=repr)}", file=sys.stderr)  # noqa: T201
    if path is not None:
        try:
            path.write_text(json.dumps(reports, indent=1, default=repr) + "\n", encoding="utf-8")
        except OSError as error:
            print(f"pytest_nemo_eval.proxy: {path} cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201
            return 1
    return 0


def _key(base_url: str, variable: str | None) -> Secret | None:
    """Only if it is asked for: without it, clients bring their own."""
    return find_key(base_url, variable) if variable is not None else None


def parser() -> argparse.ArgumentParser:
    """All options."""
    parser = argparse.ArgumentParser(
        prog="python -m pytest_nemo_eval.proxy",
        description="Interceptors as an OpenAI-compatible server on this machine, for clients of any kind. Prints its "
        "URL, serves until SIGTERM or SIGINT, and ends with the process that started it.",
    )
    parser.add_argument("--upstream", required=True, metavar="URL", help="the server that is asked, as https://HOST/v1")
    parser.add_argument("--chain", type=Path, metavar="FILE", help="YAML: interceptors, or NeMo's adapter_config flags")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="where it listens; a free one by default")
    parser.add_argument("--model-id", default="", metavar="NAME", help="the model of requests that name none")
    parser.add_argument(
        "--api-key-env",
        metavar="NAME",
        help="the environment variable that holds the upstream's key; without it, what clients send is passed on",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=120.0, metavar="S", help="how long the upstream may be silent (120 s)"
    )
    parser.add_argument("--max-retries", type=_count, default=0, metavar="N", help="of a request that fails (0)")
    parser.add_argument(
        "--max-concurrent", type=_positive, default=64, metavar="N", help="requests at a time that are sent (64)"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="where reports of interceptors go at the end")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


def _port(text: str) -> int:
    return _bounded(text, 0, 65535)


def _count(text: str) -> int:
    return _bounded(text, 0, None)


def _positive(text: str) -> int:
    return _bounded(text, 1, None)


def _bounded(text: str, least: int, most: int | None) -> int:
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} on" + (f" to {most}" if most else ""))
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
