"""Step `embed`: the similarity of each answer to its reference, by a local embedding model.

local_paths: {"model": folder}. The runner writes texts.jsonl into the work folder: {"id", "reference", "answer"}.
Writes similarities.jsonl: {"id", "similarity", "cut"}. The vector of a text is the mean of the model's last hidden
states over its tokens; the similarity is the cosine of two vectors, computed in fp32 on the CPU. An empty answer to a
reference with text has similarity 0, and two empty texts have 1. `cut` says whether a text was longer than the model's
limit; its start was used.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from recipes.common.files import read_json, read_rows
from recipes.common.models.folder import weight_files
from recipes.common.protocol import Step, StepFailed, main

_BATCH = 32
_LONGEST = 8192
"""Most tokens of a text that are read, whatever the model allows."""
_SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Models whose positions start at 2."""


def run(step: Step) -> dict[str, Any]:
    """Compare each answer with its reference."""
    torch.set_num_threads(max(1, step.cores))
    folder = step.local_paths["model"]
    tokenizer, model = _load(folder)
    rows = list(read_rows(step.work / "texts.jsonl"))
    texts = sorted({row[name] for row in rows for name in ("reference", "answer")} - {""})
    limit = _limit(tokenizer, read_json(folder / "config.json"))
    vectors, cut = _vectors(step, tokenizer, model, texts, limit)
    with (step.output / "similarities.jsonl").open("w") as out:
        for row in rows:
            reference, answer = row["reference"], row["answer"]
            similarity = 1.0 if reference == answer else 0.0
            if reference != answer and reference and answer:
                similarity = float(torch.clamp(vectors[reference] @ vectors[answer], -1.0, 1.0))
            line = {"id": row["id"], "similarity": round(similarity, 6), "cut": reference in cut or answer in cut}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return {"texts": len(texts), "cut": len(cut)}


@lru_cache(maxsize=1)
def _load(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the model without a head, in fp32. Code in the folder is never run. Steps of several arms can
    run in one process, which loads the model once."""
    weight_files(folder)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **local)
        model = AutoModel.from_pretrained(str(folder), dtype=torch.float32, use_safetensors=True, **local).eval()
    except (OSError, ValueError, KeyError) as error:
        cause = str(error).splitlines()[0]
        raise StepFailed(
            "unsupported-model",
            f"evaluate.embedding.base cannot be loaded: {cause}",
            "Choose a text model that transformers loads without code of its own.",
        ) from error
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    if tokenizer.pad_token is None:
        # Padding is masked, so that any token serves.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    return tokenizer, model


def _limit(tokenizer: Any, config: dict[str, Any]) -> int:
    """Most tokens of a text. A tokenizer without a limit states a huge number."""
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and config.get("model_type") in _SHIFTED:
        positions -= 2
    stated = [tokenizer.model_max_length, positions]
    return int(min([_LONGEST, *(limit for limit in stated if isinstance(limit, int) and limit > 0)]))


def _vectors(
    step: Step, tokenizer: Any, model: Any, texts: list[str], limit: int
) -> tuple[dict[str, torch.Tensor], set[str]]:
    """The unit vector of each text, and the texts that are longer than the limit. Texts of similar length share a
    batch."""
    lengths = {text: len(ids) for text, ids in zip(texts, _ids(tokenizer, texts), strict=True)}
    order = sorted(texts, key=lambda text: (lengths[text], text))
    found: dict[str, torch.Tensor] = {}
    for start in range(0, len(order), _BATCH):
        step.check_interrupt()
        batch = order[start : start + _BATCH]
        encoded = tokenizer(batch, return_tensors="pt", padding=True, truncation=True, max_length=limit)
        inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        for text, vector in zip(batch, torch.nn.functional.normalize(means, dim=-1), strict=True):
            if not math.isfinite(float(vector.sum())):
                raise StepFailed(
                    "not-finite", "the embedding model gives a value that is not finite", "Choose another."
                )
            found[text] = vector
        step.progress(done=len(found), total=len(order), unit="texts")
    return found, {text for text, length in lengths.items() if length > limit}


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, truncation=False, verbose=False)["input_ids"] if texts else []


if __name__ == "__main__":
    main(run)
