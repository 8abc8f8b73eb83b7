"""Triton's protocol (KServe) over the bridge, without Triton: ``python fake_triton.py PORT``."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy

from pytest_nemo_eval.servers.bridge import Bridge
from pytest_nemo_eval.servers.triton import CALL, REPLY, infer
from tests.serving.engines import CharacterEngine


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bridge = Bridge(CharacterEngine(), "m", 4)

    def do_GET(self) -> None:
        self.reply(200 if self.path in ("/v2", "/v2/models/name/ready") else 404, {"version": "2.0"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v2/models/name/infer":
            self.reply(400, {"error": "no such model"})
            return
        (entry,) = body["inputs"]
        assert (entry["name"], entry["shape"], entry["datatype"]) == (CALL, [1, 1], "BYTES")
        request = {CALL: numpy.array([[entry["data"][0].encode()]], dtype=object)}
        (made,) = infer(self.bridge, [request])
        data = [text.decode() for text in made[REPLY].reshape(-1)]
        self.reply(200, {"outputs": [{"name": REPLY, "shape": [1, 1], "datatype": "BYTES", "data": data}]})

    def reply(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
