"""Compares the training speed of the torchtune recipe with a plain transformers + peft loop on the same batches.

    python bench/train_speed.py MODEL_DIR [--steps 6] [--last 10] [--precision bf16] [--threads 2]

Both train LoRA on all linear layers, with AdamW and gradient clipping. The loops alternate. A token counts once,
however it is computed. Wall and CPU seconds are those of the steps alone, after one warm-up step. The operations of the
recipe's matrix products are compared with the fastest plain product of the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from omegaconf import OmegaConf
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from recipes.common.adapters.targets import model_targets
from recipes.common.encode import IGNORE
from recipes.common.files import read_json
from recipes.common.training.request import TrainingInputs
from recipes.torchtune.config import build_config
from recipes.torchtune.data import Example, collate
from recipes.torchtune.recipe import Recipe

RATE = 1e-3
Step = Callable[[list[Example]], None]


def make_rows(file: Path, rows: int) -> None:
    """Invented reports with a common instruction, 60 to 160 words, and one to five labels."""
    rng = random.Random(0)
    parts = ["liver", "kidney", "spleen", "pancreas", "bladder", "adrenal", "lung", "aorta", "colon", "ureter"]
    signs = ["cyst", "stone", "mass", "nodule", "thickening", "atrophy", "dilatation", "calcification"]
    with file.open("w") as out:
        for i in range(rows):
            labels = [f"{rng.choice(parts)} {rng.choice(signs)}" for _ in range(rng.randint(1, 5))]
            text = " ".join(
                f"The {rng.choice(parts)} shows a {rng.choice(signs)} of {rng.randint(2, 60)} mm on the left."
                for _ in range(rng.randint(6, 14))
            )
            system = "List the diagnoses that the findings support, separated by commas, and nothing else."
            messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
            out.write(json.dumps({"id": str(i), "messages": messages, "target": ", ".join(labels)}) + "\n")


def torchtune_step(model: Path, work: Path, args: argparse.Namespace) -> tuple[Recipe, Step]:
    """The recipe, and a function that runs one of its steps on given examples."""
    params: dict[str, Any] = {
        "method": "lora", "rank": 16, "alpha": 32, "dropout": 0.0, "targets": "all-linear",
        "layers": {"last": args.last} if args.last else None, "epochs": 1, "max_steps": None,
        "batch_size": args.batch_size, "gradient_accumulation": 1, "learning_rate": RATE, "schedule": "constant",
        "warmup_ratio": 0.0, "optimizer": "adamw", "weight_decay": 0.0, "clip_grad_norm": 1.0, "max_length": 1024,
        "precision": args.precision, "seed": 1, "keep": "last", "checkpoint": {"every_steps": 1000, "keep": 1},
    }  # fmt: skip
    inputs = TrainingInputs(
        model=model,
        config=read_json(model / "config.json"),
        base="bench",
        revision=None,
        train=work / "train.jsonl",
        validation=None,
        rows=args.rows,
    )
    config = build_config(params, inputs=inputs, work=work)
    recipe = Recipe(OmegaConf.create(config))
    recipe.setup(recipe._cfg)
    trained = list(recipe._trained.values())

    def step(examples: list[Example]) -> None:
        torch.autograd.backward(recipe._loss_step(collate(examples, 0)))
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        recipe._optimizer.step()
        recipe._optimizer.zero_grad(set_to_none=True)

    return recipe, step


def plain_step(model: Path, args: argparse.Namespace, base_dtype: torch.dtype) -> Step:
    """A step of a plain loop: peft on transformers with fp32 adapters, and autocast for bf16."""
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(str(model), dtype=base_dtype, local_files_only=True)
    layers = base.config.num_hidden_layers
    config = LoraConfig(
        r=16,
        lora_alpha=32,
        target_modules=model_targets(model, "all-linear"),
        task_type="CAUSAL_LM",
        layers_to_transform=list(range(layers - args.last, layers)) if args.last else None,
    )
    adapted = get_peft_model(base, config).train()
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)

    def step(examples: list[Example]) -> None:
        width = max(len(example.ids) for example in examples)
        ids = torch.zeros(len(examples), width, dtype=torch.long)
        labels = torch.full_like(ids, IGNORE)
        for row, example in enumerate(examples):
            ids[row, : len(example.ids)] = torch.tensor(example.ids)
            labels[row, example.start : len(example.ids)] = torch.tensor(example.ids[example.start :])
        lengths = torch.tensor([len(example.ids) for example in examples])
        mask = (torch.arange(width) < lengths[:, None]).long()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16"):
            loss = adapted(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def product_speed(dtype: torch.dtype, rows: int) -> float:
    """Operations in a CPU second of products with the matrices of a feed-forward part, [rows, 576] by [576, 1536]."""
    left, right = torch.randn(rows, 576).to(dtype), torch.randn(576, 1536).to(dtype)
    left @ right
    started, count = time.process_time(), 0
    while time.process_time() - started < 0.5:
        left @ right
        count += 1
    return 2 * rows * 576 * 1536 * count / (time.process_time() - started)


def operations(model: Path, tokens: int) -> float:
    """Operations of the matrix products of a LoRA step over `tokens` computed tokens: forward pass and gradients of the
    activations, in the blocks. Adapters, attention and the output layer are left out."""
    config = read_json(model / "config.json")
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    block = 2 * hidden * hidden + 2 * hidden * hidden * groups // heads + 3 * hidden * inner
    return 4.0 * tokens * config["num_hidden_layers"] * block


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--last", type=int, default=0, help="adapters in the last layers only")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_rows(work / "train.jsonl", args.rows)
        recipe, ours = torchtune_step(args.model, work, args)
        loops: dict[str, Step] = {
            "torchtune recipe": ours,
            "peft, fp32 base": plain_step(args.model, args, torch.float32),
        }
        if args.precision == "bf16":
            loops["peft, bf16 base"] = plain_step(args.model, args, torch.bfloat16)
        batches = recipe._dataloader
        order = [[batches._examples[row] for row in rows] for rows in batches.order()]
        wall = dict.fromkeys(loops, 0.0)
        cpu = dict.fromkeys(loops, 0.0)
        tokens = computed = 0
        dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
        peak = 0.0
        for number, examples in enumerate(order[: args.steps + 1]):
            for name, step in loops.items():
                started, worked = time.perf_counter(), time.process_time()
                step(examples)
                if number:
                    wall[name] += time.perf_counter() - started
                    cpu[name] += time.process_time() - worked
            if number:
                tokens += sum(len(example.ids) for example in examples)
                computed += int(collate(examples, 0)["tokens"].numel())
                peak = max(peak, product_speed(dtype, 2048))
        where = f"adapters in the last {args.last} layers" if args.last else "adapters in all layers"
        print(f"\n{args.steps} steps of {args.batch_size} rows, {tokens} tokens, {args.precision}, {where}")
        print(f"{'loop':18} {'tokens/s':>9} {'wall s':>8} {'CPU s':>8} {'wall ratio':>11} {'CPU ratio':>10}")
        for name in loops:
            speed, slower, more = (
                tokens / wall[name],
                wall[name] / wall["torchtune recipe"],
                cpu[name] / cpu["torchtune recipe"],
            )
            print(f"{name:18} {speed:9.0f} {wall[name]:8.2f} {cpu[name]:8.2f} {slower:11.2f} {more:10.2f}")
        reached = operations(args.model, computed) / cpu["torchtune recipe"]
        print(
            f"torchtune recipe: {reached / 1e9:.0f} GFLOP in a CPU second, {reached / peak:.0%} of a plain product's "
            f"{peak / 1e9:.0f} (target 70%)"
        )


if __name__ == "__main__":
    main()
