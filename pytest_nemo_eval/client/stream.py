"""A streamed answer (server-sent events) to one Response."""

from __future__ import annotations

from collections.abc import Callable

from ..chat import Response, Usage
from ..errors import EndpointError
from .collapse import Collapse
from .decode import decode_object, decode_piece


class StreamReader:
    """Collects the pieces of a stream, however its bytes are cut into chunks.

    Args:
        clean: applied to the data of each event and to the whole text (it takes the key out).
        whole: also put all pieces together, tool calls and further choices among them, as the answer's envelope.

    Attributes:
        begun: whether a piece of the answer or of the reasoning has come.
    """

    def __init__(self, clean: Callable[[bytes], bytes], whole: bool = False) -> None:
        self.begun = False
        self._clean = clean
        self._envelope = Collapse() if whole else None
        self._rest: list[bytes] = []
        self._at_start = True
        self._data: list[bytes] = []
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._finish_reason: str | None = None
        self._usage = Usage()
        self._answered = False
        self._done = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes.

        Raises:
            EndpointError: the server tells of an error, or sends what is no piece of an answer.
        """
        if not chunk:
            return
        whole = b"\n" in chunk or b"\r" in chunk or (self._rest and self._rest[-1].endswith(b"\r"))
        self._rest.append(chunk)
        if not whole:  # joining a long line anew with each of its chunks would take quadratic time
            return
        lines = b"".join(self._rest).splitlines(keepends=True)
        # a line that ends in \r may go on with \n
        self._rest = [] if lines[-1].endswith(b"\n") else [lines.pop()]
        for line in lines:
            self._take_line(line.rstrip(b"\r\n"))

    def response(self, seconds: float, first_token_seconds: float) -> Response:
        """The answer, at the end of the stream.

        Raises:
            EndpointError: the stream ended before the answer did.
        """
        self._take_rest()
        if not self._answered or (self._finish_reason is None and not self._done):
            raise EndpointError("the stream ended before the answer did (no finish_reason, and no [DONE])")
        return Response(
            text=self._joined(self._texts),
            finish_reason=self._finish_reason,
            reasoning=self._joined(self._reasonings) if self._reasonings else None,
            usage=self._usage,
            seconds=seconds,
            first_token_seconds=first_token_seconds,
            envelope=self._envelope.envelope() if self._envelope else None,
        )

    def _take_line(self, line: bytes) -> None:
        if self._at_start:
            line, self._at_start = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            data, self._data = b"\n".join(self._data), []
            self._take_event(data)
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))

    def _take_rest(self) -> None:
        """The last event of a server that ends without a blank line; one that was cut off is dropped."""
        try:
            self._take_line(b"".join(self._rest).rstrip(b"\r"))
            self._take_line(b"")
        except EndpointError:
            return

    def _take_event(self, data: bytes) -> None:
        if not data or self._done:
            return
        if data.strip() == b"[DONE]":
            self._done = True
            return
        data = self._clean(data)
        piece = decode_piece(data)
        if self._envelope:
            self._envelope.add(decode_object(data))
        self._answered = self._answered or piece.answers
        self.begun = self.begun or bool(piece.text or piece.reasoning)
        self._texts.append(piece.text)
        if piece.reasoning is not None:
            self._reasonings.append(piece.reasoning)
        self._finish_reason = piece.finish_reason or self._finish_reason
        self._usage = piece.usage or self._usage

    def _joined(self, texts: list[str]) -> str:
        return self._clean("".join(texts).encode()).decode()
