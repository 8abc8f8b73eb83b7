"""What a request costs the proxy in CPU, beside a bare reverse proxy of aiohttp.

python perf/proxy.py [--requests 3000] [--in-flight 32]

All on loopback, about a minute. Prints a table. Exit code 1 where a request through four interceptors costs the
proxy's process more than 1.2 ms of CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

BOUND = 1.2
STREAMED = 50  # pieces of an answer
TEXT = "Let me see. " * 20
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": f"<think>{TEXT}</think>42"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 300, "completion_tokens": 64, "total_tokens": 364},
}
FOUR = """interceptors:
- {name: system_message, config: {system_message: Be brief.}}
- {name: payload_modifier, config: {params_to_remove: [seed], params_to_add: {top_k: 5}}}
- response_stats
- reasoning
"""
FOUR_QUIET = FOUR.replace("- reasoning", "- log_tokens")
UPSTREAM = f"""
import asyncio, json
answer = {json.dumps(json.dumps(ANSWER))}.encode()
head = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n"
whole = head % len(answer) + answer
def event(delta, end):
    choice = {{"index": 0, "delta": delta, "finish_reason": end}}
    chunk = {{"id": "c", "object": "chat.completion.chunk", "choices": [choice]}}
    return b"data: " + json.dumps(chunk).encode() + b"\\n\\n"
events = [event({{"content": "piece "}}, None)] * {STREAMED} + [event({{}}, "stop"), b"data: [DONE]\\n\\n"]
begin = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n"
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.rest = transport, b""
    def data_received(self, data):
        self.rest += data
        head, found, body = self.rest.partition(b"\\r\\n\\r\\n")
        if found and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0]):
            self.rest = b""
            if b'"stream":true' in body.replace(b" ", b""):
                self.stream(events)
            else:
                self.transport.write(whole)
    def stream(self, left):
        self.transport.write((begin if left is events else b"") + b"%x\\r\\n%b\\r\\n" % (len(left[0]), left[0]))
        if left[1:]:
            asyncio.get_running_loop().call_later(0.001, self.stream, left[1:])
        else:
            self.transport.write(b"0\\r\\n\\r\\n")
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=1024)
    print("http://127.0.0.1:%d/v1" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
BARE = """
import asyncio, sys, aiohttp
from aiohttp import web
async def main():
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(sys.argv[1].removesuffix("/v1"), connector=connector) as session:
        async def handle(request):
            content = await request.read()
            headers = {"content-type": "application/json"}
            async with session.post(request.path_qs, data=content, headers=headers) as reply:
                told = {"content-type": reply.headers["content-type"]}
                if reply.content_type != "text/event-stream":
                    return web.Response(status=reply.status, body=await reply.read(), headers=told)
                response = web.StreamResponse(headers=told)
                await response.prepare(request)
                async for chunk in reply.content.iter_any():
                    await response.write(chunk)
                return response
        runner = web.ServerRunner(web.Server(handle, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print("http://127.0.0.1:%d/v1" % runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@contextmanager
def running(*argv: str) -> Iterator[tuple[int, str]]:
    """A process that prints its URL: its id, and the URL."""
    process = subprocess.Popen([sys.executable, *argv], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.pid, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def send(url: str, requests: int, in_flight: int, stream: bool) -> None:
    content = {"model": "m", "stream": stream, "seed": 1, "max_tokens": 256, "temperature": 0.0}
    content["messages"] = [{"role": "user", "content": "What is 6 times 7? " * 60}]
    body, left = json.dumps(content).encode(), iter(range(requests))
    headers = {"content-type": "application/json", "authorization": "Bearer none", "x-stainless-lang": "python"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one_after_another() -> None:
            for _ in left:
                async with session.post(f"{url}/chat/completions", data=body, headers=headers) as reply:
                    assert reply.status == 200, await reply.text()
                    await reply.read()

        await asyncio.gather(*(one_after_another() for _ in range(in_flight)))


def cost(argv: list[str], requests: int, in_flight: int, stream: bool) -> float:
    """Milliseconds of CPU for one request, once the process is warm."""
    with running(*argv) as (pid, url):
        asyncio.run(send(url, max(64, requests // 10), in_flight, stream))
        start = cpu_seconds(pid)
        asyncio.run(send(url, requests, in_flight, stream))
        return 1000 * (cpu_seconds(pid) - start) / requests


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--in-flight", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running("-c", UPSTREAM) as (_, upstream):
        for name, text in (("four", FOUR), ("quiet", FOUR_QUIET)):
            Path(folder, f"{name}.yaml").write_text(text)
        ours = ["-m", "pytest_nemo_eval.proxy", "--log-level", "warning", "--upstream", upstream]
        four, quiet = ([*ours, "--chain", f"{folder}/{name}.yaml"] for name in ("four", "quiet"))
        bare = ["-c", BARE, upstream]
        sizes = (options.requests, options.in_flight)
        base = cost(bare, *sizes, stream=False)
        found = cost(four, *sizes, stream=False)
        rows = [("bare reverse proxy", base), ("no interceptors", cost(ours, *sizes, stream=False))]
        rows.append(("four interceptors, request and answer changed", found))
        sizes = (options.requests // 4, options.in_flight)
        rows.append((f"bare, a stream of {STREAMED} pieces", cost(bare, *sizes, stream=True)))
        rows.append(("four interceptors, stream passed on", cost(quiet, *sizes, stream=True)))
        rows.append(("four interceptors, stream held back", cost(four, *sizes, stream=True)))
    for name, milliseconds in rows:
        print(f"{name:50} {milliseconds:6.3f} ms of CPU a request")
    print(f"bound: {BOUND} ms; four interceptors take {found:.3f} ms, {found - base:+.3f} ms beside the bare one")
    return int(found > BOUND)


if __name__ == "__main__":
    sys.exit(main())
