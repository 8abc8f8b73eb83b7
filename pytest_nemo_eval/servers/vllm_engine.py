"""An engine over vLLM's offline class, for hosts with a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .values import Generated, RefusalError, Row, Token, cut_at_stop


class VllmEngine:
    """``vllm.LLM``; ``settings`` are its arguments, those that are None left out."""

    def __init__(self, model_path: str, **settings: Any) -> None:
        import vllm

        self._vllm = vllm
        given = {name: value for name, value in settings.items() if value is not None}
        self._model = vllm.LLM(model=model_path, max_logprobs=20, **given)
        self._tokenizer = self._model.get_tokenizer()
        self.context: int = self._model.llm_engine.model_config.max_model_len
        self.vocabulary: int = self._model.llm_engine.model_config.get_vocab_size()
        self.version = f"vllm {vllm.__version__}"

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])

    def encode_chat(self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[int]:
        try:
            text = self._tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True, **options
            )
        except Exception as error:  # a template raises what it likes
            raise RefusalError(f"The model's chat template refuses this conversation: {error}") from None
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        made, before = [], ""
        for place, token in enumerate(tokens):
            both = str(self._tokenizer.decode(list(tokens[max(0, place - 1) : place + 1])))
            alone = str(self._tokenizer.decode([token]))
            made.append(both[len(before) :] if both.startswith(before) else alone)
            before = alone
        return made

    def generate(self, rows: Sequence[Row]) -> list[Generated]:
        if not rows:
            return []
        prompts = [{"prompt_token_ids": list(row.tokens)} for row in rows]
        outputs = self._model.generate(prompts, [self._parameters(row) for row in rows], use_tqdm=False)
        return [self._generated(row, output.outputs[0]) for row, output in zip(rows, outputs, strict=True)]

    def _parameters(self, row: Row) -> Any:
        sampling = row.sampling
        return self._vllm.SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p or 1e-6,
            top_k=sampling.top_k,
            seed=sampling.seed,
            stop=list(sampling.stop),
            logprobs=sampling.alternatives,
        )

    def _generated(self, row: Row, output: Any) -> Generated:
        ids = list(output.token_ids)
        ended = output.finish_reason == "stop" and not isinstance(output.stop_reason, str)
        kept = ids[:-1] if ended else ids
        tokens = tuple(_token(token, table) for token, table in zip(kept, output.logprobs, strict=False))
        text = cut_at_stop(output.text, row.sampling.stop)
        return Generated(tokens, len(ids), output.text if text is None else text, output.finish_reason)

    def score(self, prompts: Sequence[tuple[int, ...]], alternatives: int) -> list[tuple[Token, ...]]:
        """vLLM draws one token at least; it is thrown away."""
        if not prompts:
            return []
        parameters = self._vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=alternatives)
        inputs = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        outputs = self._model.generate(inputs, parameters, use_tqdm=False)
        made = []
        for prompt, output in zip(prompts, outputs, strict=True):
            rest = [_token(*pair) for pair in zip(prompt[1:], output.prompt_logprobs[1:], strict=True)]
            made.append((Token(prompt[0], None), *rest))
        return made


def _token(token: int, table: Mapping[int, Any]) -> Token:
    """The table holds the likeliest tokens and the chosen one, which need not be one of them."""
    ranked = sorted(table.items(), key=lambda entry: -entry[1].logprob)
    return Token(token, table[token].logprob, tuple((other, value.logprob) for other, value in ranked))
