"""An engine over Hugging Face transformers, on a CPU or a GPU."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .values import Generated, RefusalError, Row, Token, cut_at_stop

SCORED_TOKENS = 2048
"""Prompt tokens that are scored at once: each has a logit for every token of the vocabulary."""


class TransformersEngine:
    """A causal model. Each row of a batch has parameters of its own; temperature 0 takes the likeliest token.

    Args:
        model_path: a folder or a Hugging Face id.
        context: instead of the model's own length.
        dtype: a torch type; ``auto`` is float32 on a CPU (batches of any size then agree), the model's own on a GPU.
        device: ``auto`` takes a GPU where there is one.
    """

    def __init__(self, model_path: str, context: int | None = None, dtype: str = "auto", device: str = "auto") -> None:
        import torch
        import transformers

        self._torch = torch
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        kind = ("float32" if device == "cpu" else "auto") if dtype == "auto" else dtype
        self._device = device
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(model_path)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            model_path, dtype=kind if kind == "auto" else getattr(torch, kind)
        )
        self._model.to(device).eval()
        self.context = _context(self._model.config, context)
        self.vocabulary: int = self._model.get_input_embeddings().num_embeddings
        self.version = f"transformers {transformers.__version__}"
        ends = self._model.generation_config.eos_token_id
        self._ends = frozenset([ends] if isinstance(ends, int) else ends or [])
        pad = self._tokenizer.pad_token_id
        self._pad: int = pad if pad is not None else next(iter(self._ends), 0)

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])

    def encode_chat(self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[int]:
        if self._tokenizer.chat_template is None:
            raise RefusalError("This model has no chat template; use /v1/completions")
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
            both = self._decode(tokens[max(0, place - 1) : place + 1])
            made.append(both[len(before) :] if both.startswith(before) else self._decode([token]))
            before = self._decode([token])
        return made

    def _decode(self, tokens: Sequence[int], skip: bool = False) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=skip, clean_up_tokenization_spaces=False)
        return text

    def generate(self, rows: Sequence[Row]) -> list[Generated]:
        """All rows together, each until it ends, its stop string or its ``max_tokens``."""
        if not rows:
            return []
        torch, width = self._torch, max(len(row.tokens) for row in rows)
        ids = [[self._pad] * (width - len(row.tokens)) + list(row.tokens) for row in rows]
        mask = [[0] * (width - len(row.tokens)) + [1] * len(row.tokens) for row in rows]
        drawing = _Drawing(self, rows)
        with torch.inference_mode():
            self._model.generate(
                input_ids=torch.tensor(ids, device=self._device),
                attention_mask=torch.tensor(mask, device=self._device),
                generation_config=self._configuration(max(row.sampling.max_tokens for row in rows)),
                logits_processor=_as_list([drawing.draw]),
                stopping_criteria=_as_criteria([drawing.done]),
            )
        return drawing.results()

    def _configuration(self, longest: int) -> Any:
        """Nothing of the model's own habits: each request says how it wants to be answered."""
        import transformers

        return transformers.GenerationConfig(max_new_tokens=longest, do_sample=False, pad_token_id=self._pad)

    def score(self, prompts: Sequence[tuple[int, ...]], alternatives: int) -> list[tuple[Token, ...]]:
        made: dict[int, tuple[Token, ...]] = {}
        for group in _groups(prompts):
            width = max(len(prompts[place]) for place in group)
            ids = [list(prompts[place]) + [self._pad] * (width - len(prompts[place])) for place in group]
            mask = [[1] * len(prompts[place]) + [0] * (width - len(prompts[place])) for place in group]
            torch = self._torch
            with torch.inference_mode():
                logits = self._model(
                    input_ids=torch.tensor(ids, device=self._device),
                    attention_mask=torch.tensor(mask, device=self._device),
                    use_cache=False,
                ).logits
            for place, row in zip(group, logits, strict=True):
                made[place] = self._scored(prompts[place], row, alternatives)
        return [made[place] for place in range(len(prompts))]

    def _scored(self, prompt: tuple[int, ...], logits: Any, alternatives: int) -> tuple[Token, ...]:
        """Each token's log-probability stands in the row before it."""
        following = self._torch.tensor(prompt[1:], device=logits.device)
        table = logits[: len(prompt) - 1].float().log_softmax(-1)
        chosen = table.gather(1, following[:, None])[:, 0].tolist()
        tops = [()] * len(chosen) if not alternatives or not chosen else likeliest(table, alternatives)
        rest = (Token(*entry) for entry in zip(prompt[1:], chosen, tops, strict=True))
        return (Token(prompt[0], None), *rest)


class _Drawing:
    """Draws the tokens of one batch: what generate() calls after each step."""

    def __init__(self, engine: TransformersEngine, rows: Sequence[Row]) -> None:
        self._engine = engine
        self._torch = engine._torch
        self._rows = rows
        self._drawn: list[list[Token]] = [[] for _ in rows]
        self._reasons: list[str] = ["" for _ in rows]
        self._chance = [self._generator(row.sampling.seed) for row in rows]

    def _generator(self, seed: int | None) -> Any:
        chance = self._torch.Generator(device="cpu")
        return chance.manual_seed((random.getrandbits(64) if seed is None else seed) % 2**63)

    def draw(self, input_ids: Any, scores: Any) -> Any:
        """The chosen token alone keeps a score."""
        forced = self._torch.full_like(scores, float("-inf"))
        likely = scores.argmax(-1).tolist()
        for place, row in enumerate(self._rows):
            if self._reasons[place]:
                forced[place, self._engine._pad] = 0
                continue
            sampling = row.sampling
            token = likely[place] if not sampling.temperature else self._sample(place, scores[place])
            forced[place, token] = 0
            table = scores[place].float().log_softmax(-1)
            top = likeliest(table[None], sampling.alternatives)[0] if sampling.alternatives else ()
            self._drawn[place].append(Token(token, float(table[token]), top))
            self._reasons[place] = self._reason(place, token)
        return forced

    def _sample(self, place: int, scores: Any) -> int:
        sampling, torch = self._rows[place].sampling, self._torch
        values, tokens = (scores.float().cpu() / sampling.temperature).sort(descending=True, stable=True)
        if sampling.top_k:
            values, tokens = values[: sampling.top_k], tokens[: sampling.top_k]
        chances = values.softmax(-1)
        before = chances.cumsum(-1) - chances
        chances[1:][before[1:] >= sampling.top_p] = 0
        return int(tokens[torch.multinomial(chances, 1, generator=self._chance[place])])

    def _reason(self, place: int, token: int) -> str:
        sampling, drawn = self._rows[place].sampling, self._drawn[place]
        if token in self._engine._ends:
            return "end"
        if sampling.stop:
            reach = max(map(len, sampling.stop)) + 8  # a token may be less than a character
            tail = self._engine._decode([token.id for token in drawn[-reach:]], skip=True)
            if cut_at_stop(tail, sampling.stop) is not None:
                return "stop"
        return "length" if len(drawn) >= sampling.max_tokens else ""

    def done(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return self._torch.tensor([bool(reason) for reason in self._reasons], device=input_ids.device)

    def results(self) -> list[Generated]:
        made = []
        for row, drawn, reason in zip(self._rows, self._drawn, self._reasons, strict=True):
            tokens = drawn[:-1] if reason == "end" else drawn
            text = self._engine._decode([token.id for token in tokens], skip=True)
            cut = cut_at_stop(text, row.sampling.stop)
            stopped = reason != "length" or cut is not None
            made.append(
                Generated(tuple(tokens), len(drawn), text if cut is None else cut, "stop" if stopped else "length")
            )
        return made


def likeliest(table: Any, number: int) -> list[tuple[tuple[int, float], ...]]:
    """The likeliest tokens of each row of log-probabilities."""
    values, tokens = table.topk(min(number, table.shape[-1]))
    return [tuple(zip(ids, row, strict=True)) for ids, row in zip(tokens.tolist(), values.tolist(), strict=True)]


def _groups(prompts: Sequence[tuple[int, ...]]) -> Iterator[list[int]]:
    """Places of prompts of like length, so that few tokens are padding."""
    group: list[int] = []
    for place in sorted(range(len(prompts)), key=lambda place: len(prompts[place])):
        if group and len(prompts[place]) * (len(group) + 1) > SCORED_TOKENS:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _context(configuration: Any, wanted: int | None) -> int:
    own: int | None = getattr(configuration.get_text_config(), "max_position_embeddings", None)
    if wanted is None:
        return own or 2048
    if own and wanted > own:
        raise SystemExit(f"--max-model-len {wanted} is greater than the model's own {own}: lower it")
    return wanted


def _as_list(functions: list[Any]) -> Any:
    import transformers

    return transformers.LogitsProcessorList(functions)


def _as_criteria(functions: list[Any]) -> Any:
    import transformers

    return transformers.StoppingCriteriaList(functions)
