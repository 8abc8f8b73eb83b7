"""An engine without a model: a token is a character, and what follows a prompt is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_nemo_eval.servers.values import Generated, RefusalError, Row, Token, cut_at_stop

END = 0


class CharacterEngine:
    """Continues each prompt with ``answers[prompt]`` (else with ``fine``) and the token that ends a text."""

    context = 64
    vocabulary = 128
    version = "characters 1"

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.answers = dict(answers or {})
        self.batches: list[int] = []
        self.seeds: list[int | None] = []
        self.broken = False

    def encode(self, text: str) -> list[int]:
        return [min(ord(character), 127) for character in text]

    def encode_chat(self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[int]:
        if any(message["role"] == "odd" for message in messages):
            raise RefusalError("the template does not know the role odd")
        return self.encode("".join(f"{message['content']}" for message in messages) + str(options.get("end", ">")))

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [chr(token) for token in tokens]

    def generate(self, rows: Sequence[Row]) -> list[Generated]:
        if self.broken:
            raise RuntimeError("the device is gone")
        self.batches.append(len(rows))
        self.seeds += [row.sampling.seed for row in rows]
        return [self._continue(row) for row in rows]

    def _continue(self, row: Row) -> Generated:
        answer = self.answers.get("".join(self.pieces(row.tokens)), "fine")
        most = row.sampling.max_tokens
        tokens = [Token(token, -0.5, ((token, -0.5), (90, -2.0))) for token in self.encode(answer)][:most]
        cut = cut_at_stop(answer[:most], row.sampling.stop)
        if cut is not None:
            return Generated(tuple(tokens), len(tokens), cut, "stop")
        ended = len(answer) < most
        return Generated(tuple(tokens), len(tokens) + ended, answer[:most], "stop" if ended else "length")

    def score(self, prompts: Sequence[tuple[int, ...]], alternatives: int) -> list[tuple[Token, ...]]:
        top = ((90, -0.1),)[:alternatives]
        return [
            (Token(prompt[0], None), *(Token(token, -float(place), top) for place, token in enumerate(prompt[1:], 1)))
            for prompt in prompts
        ]
