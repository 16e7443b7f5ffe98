"""Step `preview`: a few prompts as the model sees them, what is masked in training, and what the base model answers.

params: {"rows": how many, "thinking", "taught": whether the arm is trained on such rows, "answer": parameters of the
`generate` step, or null for none}; inputs: "prompts" (rows of `prompt`), "answers" (answers.json, for a constraint);
local_paths: {"model": folder of the base}. Writes preview.json: {"rows": [{"id", "target", "text", "prompt", "masked",
"trained", "answer"}], "missing": {part: why}}; "prompt" and "trained" are lists of {"id", "token"}, null where the
model's tokenizer is not here.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, load_tokenizer, prompt_ids
from recipes.common.generation.responses import Row, read_cases
from recipes.common.models.folder import has_weights
from recipes.common.protocol import Step, main, write_json

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def run(step: Step) -> dict[str, Any]:
    """Show what can be shown of each row with the files that are on this machine."""
    params = step.params
    model = step.local_paths["model"]
    rows = read_cases(step.inputs["prompts"])[: params["rows"]]
    missing: dict[str, str] = {}
    tokenizer = None
    if any((model / name).is_file() for name in _TOKENIZERS):
        tokenizer = load_tokenizer(model)
    else:
        missing["tokens"] = "the base model's tokenizer is not on this machine"
    shown = [_shown(tokenizer, row, thinking=params["thinking"], taught=params["taught"]) for row in rows]
    if params["answer"] is not None:
        if has_weights(model):
            answers = _answers(step, rows)
            for one in shown:
                one["answer"] = answers[one["id"]]
        else:
            missing["answers"] = "the base model's weights are not on this machine; exp run fetches them"
    write_json(step.output / "preview.json", {"rows": shown, "missing": missing})
    return {"rows": len(shown)}


def _shown(tokenizer: PreTrainedTokenizerBase | None, row: Row, *, thinking: bool, taught: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row["id"], "target": row["target"], "messages": row["messages"], "answer": None}
    if "examples" in row:
        shown["examples"] = row["examples"]
    if tokenizer is None:
        return {**shown, "text": None, "prompt": None, "masked": None, "trained": None}
    prompt = prompt_ids(tokenizer, row["messages"], thinking)
    shown["text"] = tokenizer.decode(prompt, clean_up_tokenization_spaces=False)
    shown["prompt"] = _tokens(tokenizer, prompt)
    shown["masked"], shown["trained"] = None, None
    if taught:
        _, labels = encode_row(tokenizer, row, thinking)
        shown["masked"] = labels.count(IGNORE)
        shown["trained"] = _tokens(tokenizer, [label for label in labels if label != IGNORE])
    return shown


def _tokens(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> list[dict[str, Any]]:
    """Each id with its own text; a character that several tokens make up shows as a replacement mark in each."""
    return [{"id": id, "token": tokenizer.decode([id], clean_up_tokenization_spaces=False)} for id in ids]


def _answers(step: Step, rows: list[Row]) -> dict[str, Any]:
    """The base model's answers by id, by the `generate` step itself."""
    from recipes.transformers.generate import run as generate

    folder = step.work / "answers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "partial.jsonl").unlink(missing_ok=True)
    prompts, described = folder / "prompts.jsonl", folder / "model.json"
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = json.loads((step.local_paths["model"] / "config.json").read_text(encoding="utf-8"))
    base = {"base": step.params["base"], "revision": None, "files": {}, "config": config}
    described.write_text(json.dumps(base), encoding="utf-8")
    inputs = {**step.inputs, "prompts": prompts, "model": described}
    asked = dataclasses.replace(step, params=step.params["answer"], inputs=inputs, output=folder, work=folder)
    generate(asked)
    return {row["id"]: row for row in _read(folder / "responses.jsonl")}


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main(run)
