"""The OpenAI front of a model in Triton: HTTP to Triton's own protocol (KServe), and back."""

from __future__ import annotations

import argparse
import http.client
import json
import threading
from collections.abc import Sequence
from typing import Any

from .front import Front, UnavailableError, allow_connections
from .values import VERSION, Call, Reply

CALL, REPLY = "call", "reply"


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    made = argparse.ArgumentParser()
    made.add_argument("--served-model-name", required=True)
    made.add_argument("--host", required=True)
    made.add_argument("--port", type=int, required=True)
    made.add_argument("--triton-port", type=int, required=True)
    made.add_argument("--triton-model-name", required=True)
    options = made.parse_args(arguments)
    allow_connections()
    behind = TritonModel(options.host, options.triton_port, options.triton_model_name)
    with Front((options.host, options.port), options.served_model_name, behind) as front:
        front.serve_forever()
    return 0


class TritonModel:
    """A model that takes a call and gives a reply, each as one text of JSON."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self._address = (host, port)
        self._path = f"/v2/models/{name}"
        self._own = threading.local()

    def ready(self) -> bool:
        return self._ask("GET", f"{self._path}/ready")[0] == 200

    def version(self) -> str:
        triton = json.loads(self._ask("GET", "/v2")[1]).get("version", "")
        return f"triton {triton}, {self.answer(Call(VERSION, '')).body}"

    def answer(self, call: Call) -> Reply:
        entry = {"name": CALL, "shape": [1, 1], "datatype": "BYTES", "data": [call.to_json()]}
        status, content = self._ask("POST", f"{self._path}/infer", json.dumps({"inputs": [entry]}).encode())
        if status != 200:
            raise UnavailableError(f"Triton answers {status}: {content[:300].decode('utf-8', 'replace')}")
        outputs: list[dict[str, Any]] = json.loads(content)["outputs"]
        return Reply.from_json(next(output["data"][0] for output in outputs if output["name"] == REPLY))

    def close(self) -> None:
        """The connection of the calling thread."""
        kept = getattr(self._own, "connection", None)
        if kept is not None:
            kept.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Each thread has a connection of its own, which Triton may have closed."""
        kept: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        connection = kept or http.client.HTTPConnection(*self._address)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._own.connection = None
            if kept is not None:
                return self._ask(method, path, body)
            raise UnavailableError(f"Triton does not answer: {error or type(error).__name__}") from None
        self._own.connection = connection
        return response.status, content
