"""OpenAI's chat and completions over an engine: many requests at once, each with its own parameters."""

from __future__ import annotations

import itertools
import json
import sys
import time
import traceback
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from .parse import Work, parse
from .values import CHAT, LOWEST, VERSION, Call, Engine, Generated, RefusalError, Reply, Token


class Bridge:
    """Answers requests for one model.

    Args:
        engine: the model.
        model: the name that requests carry.
        most: prompts that the engine continues at once.
    """

    def __init__(self, engine: Engine, model: str, most: int) -> None:
        self._engine = engine
        self._model = model
        self._most = most
        self.healthy = True
        """False once the engine failed, until it answers again."""

    def answer(self, calls: Sequence[Call]) -> list[Reply]:
        """One reply for each call; the prompts of all go to the engine together."""
        works = [self._parse(call) for call in calls]
        try:
            replies = self._answer(works)
        except Exception as error:
            self.healthy = False
            traceback.print_exc(file=sys.stderr)
            words = f"the engine failed: {type(error).__name__} (see the server's log)"
            return [work if isinstance(work, Reply) else Reply.error(500, words) for work in works]
        self.healthy = True
        return replies

    def _parse(self, call: Call) -> Work | Reply:
        if call.protocol == VERSION:
            return Reply(200, self._engine.version)
        try:
            return parse(call, self._engine, self._model)
        except RefusalError as refusal:
            return Reply.error(refusal.status, refusal.message)

    def _answer(self, works: Sequence[Work | Reply]) -> list[Reply]:
        asked = [work for work in works if isinstance(work, Work)]
        rows = [row for work in asked for row in work.rows()]
        generated: list[Generated] = []
        for start in range(0, len(rows), self._most):
            generated += self._engine.generate(rows[start : start + self._most])
        scored = self._score(asked)
        source = iter(generated)
        return [work if isinstance(work, Reply) else self._reply(work, source, scored) for work in works]

    def _score(self, works: Sequence[Work]) -> Iterator[tuple[Token, ...]]:
        wanted = [(prompt, work.logprobs) for work in works if work.echo for prompt in work.prompts]
        wanted = [(prompt, number) for prompt, number in wanted if number is not None]
        most = max((number or 0 for _, number in wanted), default=0)
        return iter(self._engine.score([prompt for prompt, _ in wanted], most))

    def _reply(self, work: Work, generated: Iterator[Generated], scored: Iterator[tuple[Token, ...]]) -> Reply:
        choices: list[dict[str, Any]] = []
        drawn = 0
        for prompt, text in zip(work.prompts, work.texts, strict=True):
            told = next(scored) if work.echo and work.logprobs is not None else ()
            for _ in range(work.choices):
                made = next(generated) if work.sampling.max_tokens else Generated((), 0, "", "length")
                drawn += made.count
                given = "" if not work.echo else "".join(self._engine.pieces(prompt)) if text is None else text
                choices.append(self._choice(work, len(choices), given, (*told, *made.tokens), made))
        asked = sum(map(len, work.prompts))
        chat = work.protocol == CHAT
        body = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "object": "chat.completion" if chat else "text_completion",
            "created": int(time.time()),
            "model": work.model,
            "choices": choices,
            "usage": {"prompt_tokens": asked, "completion_tokens": drawn, "total_tokens": asked + drawn},
        }
        return Reply(200, json.dumps(body))

    def _choice(self, work: Work, index: int, given: str, tokens: Sequence[Token], made: Generated) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index, "finish_reason": made.finish_reason, "logprobs": None}
        if work.protocol == CHAT:
            choice["message"] = {"role": "assistant", "content": made.text}
        else:
            choice["text"] = given + made.text
        if work.logprobs is not None:
            pieces = self._engine.pieces([token.id for token in tokens])
            make = self._chat_logprobs if work.protocol == CHAT else self._logprobs
            choice["logprobs"] = make(tokens, pieces, work.logprobs)
        return choice

    def _logprobs(self, tokens: Sequence[Token], pieces: Sequence[str], most: int) -> dict[str, Any]:
        """As completions tell them; the chosen token is always among the alternatives."""
        ends = itertools.accumulate((len(piece) for piece in pieces), initial=0)
        tops: list[dict[str, float] | None] = []
        for token, piece in zip(tokens, pieces, strict=True):
            top = {self._piece(other): _finite(value) for other, value in token.top[:most]}
            tops.append(None if token.logprob is None else {**top, piece: _finite(token.logprob)})
        return {
            "tokens": list(pieces),
            "token_logprobs": [None if token.logprob is None else _finite(token.logprob) for token in tokens],
            "top_logprobs": tops,
            "text_offset": list(ends)[: len(pieces)],
        }

    def _chat_logprobs(self, tokens: Sequence[Token], pieces: Sequence[str], most: int) -> dict[str, Any]:
        def entry(text: str, value: float | None) -> dict[str, Any]:
            return {"token": text, "logprob": _finite(value), "bytes": list(text.encode("utf-8", "replace"))}

        content = []
        for token, piece in zip(tokens, pieces, strict=True):
            top = [entry(self._piece(other), value) for other, value in token.top[:most]]
            content.append({**entry(piece, token.logprob), "top_logprobs": top})
        return {"content": content}

    def _piece(self, token: int) -> str:
        return self._engine.pieces([token])[0]


def _finite(value: float | None) -> float:
    return LOWEST if value is None or not value > LOWEST else value
