"""Step `preview`: a few prompts as the model receives them, the masks of training, and the base model's answers.

params: {"rows": number of rows, "thinking", "trained": whether the arm is trained on such rows, "answer_module": module
of the engine that answers, "answer": parameters of its `generate` step; both are null for no answers}; inputs:
"prompts" (rows of `prompt`), "answers" (answers.json, for a constraint); local_paths: {"model": folder of the base}.
Writes preview.json: {"rows": [{"id", "target", "text", "prompt", "masked", "trained", "answer"}], "missing": {part:
reason}}. "prompt" and "trained" are lists of {"id", "token"}; they are null if the model's tokenizer is not on this
machine.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, load_tokenizer, prompt_ids
from recipes.common.files import read_json, read_rows
from recipes.common.generation.responses import Row, read_cases
from recipes.common.models.folder import has_tokenizer, has_weights
from recipes.common.protocol import Step, main, write_json


def run(step: Step) -> dict[str, Any]:
    """Write what the files on this machine allow for each row."""
    params = step.params
    model = step.local_paths["model"]
    rows = read_cases(step.inputs["prompts"])[: params["rows"]]
    missing: dict[str, str] = {}
    tokenizer = None
    if has_tokenizer(model):
        tokenizer = load_tokenizer(model)
    else:
        missing["tokens"] = "the base model's tokenizer is not on this machine"
    previews = [_preview(tokenizer, row, thinking=params["thinking"], trained=params["trained"]) for row in rows]
    if params["answer"] is not None:
        if has_weights(model):
            answers = _answers(step, rows)
            for one in previews:
                one["answer"] = answers[one["id"]]
        else:
            missing["answers"] = "the base model's weights are not on this machine; exp run fetches them"
    write_json(step.output / "preview.json", {"rows": previews, "missing": missing})
    return {"rows": len(previews)}


def _preview(tokenizer: PreTrainedTokenizerBase | None, row: Row, *, thinking: bool, trained: bool) -> dict[str, Any]:
    preview: dict[str, Any] = {"id": row["id"], "target": row["target"], "messages": row["messages"], "answer": None}
    if "examples" in row:
        preview["examples"] = row["examples"]
    if tokenizer is None:
        return {**preview, "text": None, "prompt": None, "masked": None, "trained": None}
    prompt = prompt_ids(tokenizer, row["messages"], thinking)
    preview["text"] = tokenizer.decode(prompt, clean_up_tokenization_spaces=False)
    preview["prompt"] = _tokens(tokenizer, prompt)
    preview["masked"], preview["trained"] = None, None
    if trained:
        _, labels = encode_row(tokenizer, row, thinking)
        preview["masked"] = labels.count(IGNORE)
        preview["trained"] = _tokens(tokenizer, [label for label in labels if label != IGNORE])
    return preview


def _tokens(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> list[dict[str, Any]]:
    """Each id with its text. A character that spans several tokens is a replacement character in each of them."""
    return [{"id": id, "token": tokenizer.decode([id], clean_up_tokenization_spaces=False)} for id in ids]


def _answers(step: Step, rows: list[Row]) -> dict[str, Any]:
    """The base model's answers by id, from the `generate` step."""
    generate = importlib.import_module(step.params["answer_module"]).run
    folder = step.work / "answers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "partial.jsonl").unlink(missing_ok=True)
    prompts, described = folder / "prompts.jsonl", folder / "model.json"
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = read_json(step.local_paths["model"] / "config.json")
    base = {"base": step.params["base"], "revision": None, "files": {}, "config": config}
    described.write_text(json.dumps(base), encoding="utf-8")
    inputs = {**step.inputs, "prompts": prompts, "model": described}
    generation = dataclasses.replace(step, params=step.params["answer"], inputs=inputs, output=folder, work=folder)
    generate(generation)
    return {row["id"]: row for row in read_rows(folder / "responses.jsonl")}


if __name__ == "__main__":
    main(run)
