"""Cases of a generate step, for all engines that run a model in this process: prompt tokens, seeds, and response
rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import end_token, prompt_ids
from recipes.common.generation.responses import Row, read_cases, sample_ids
from recipes.common.protocol import Step


def encode_cases(step: Step, tokenizer: PreTrainedTokenizerBase) -> tuple[list[str], dict[str, list[int]]]:
    """The ids of the cases in file order, and answer id -> token ids of its prompt. Answer ids are those of
    `sample_ids`: one for each case, or with a vote one for each sample."""
    cases = read_cases(step.inputs["prompts"])
    thinking = bool(step.params["thinking"])
    prompts = {
        answer: ids
        for case in cases
        for ids in [prompt_ids(tokenizer, case["messages"], thinking)]
        for answer in sample_ids(case["id"], step.params.get("samples"))
    }
    return [case["id"] for case in cases], prompts


def end_tokens(folder: Path, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """All tokens that end an answer: those of the chat template, the tokenizer and the model's files."""
    listed: list[object] = [end_token(tokenizer), tokenizer.eos_token_id]
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            declared = json.loads((folder / name).read_text()).get("eos_token_id")
            listed += declared if isinstance(declared, list) else [declared]
            break
    return frozenset(token for token in listed if isinstance(token, int))


def seed_of(seed: int, id: str) -> int:
    """The seed of an answer. It depends on the answer's id, so that an answer does not depend on other cases."""
    digest = hashlib.sha256(f"{seed}:{id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def answer_row(
    id: str,
    prompt: Sequence[int],
    ids: Sequence[int],
    finish: str,
    logprob: float | None,
    tokenizer: PreTrainedTokenizerBase,
    scores: Mapping[str, float] | None = None,
) -> Row:
    """A row of responses.jsonl from the new token ids, including the end token. It also holds the scores of labels,
    until `write_responses` moves them to margins.jsonl."""
    text = list(ids[:-1] if finish == "stop" else ids)
    row = {
        "id": id,
        "text": tokenizer.decode(text, skip_special_tokens=True, clean_up_tokenization_spaces=False),
        "prompt_tokens": len(prompt),
        "new_tokens": len(ids),
        "finish": finish,
    }
    return {
        **row,
        **({} if logprob is None else {"logprob": round(logprob, 4)}),
        **({} if scores is None else {"scores": {label: round(score, 6) for label, score in scores.items()}}),
    }
