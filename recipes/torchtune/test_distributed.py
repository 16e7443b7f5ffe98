"""Two processes: each holds at most one whole tensor, and the decisions of rank 0 count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from recipes.common.protocol import write_json
from recipes.common.training.nodes import group_address, group_environment
from recipes.common.training.request import read_inputs
from recipes.torchtune.config import build_config
from recipes.torchtune.conftest import Start

RANK = """
import gc, sys, weakref
from pathlib import Path
from torch.distributed.tensor import DTensor
from recipes.torchtune import distributed, train
from recipes.torchtune.validation import Validation

alive, most = 0, 0
gather, loss = DTensor.full_tensor, Validation.loss

def dropped():
    global alive
    alive -= 1

def counted(self, **options):
    global alive, most
    whole = gather(self, **options)
    if distributed.world_size() > 1:
        weakref.finalize(whole, dropped)
        alive += 1
        most = max(most, alive)
    return whole

validations = 0

def perturbed(self, loss_of):
    global validations
    validations += 1
    # On rank 1 every validation is worse than the one before, so that alone it would stop early.
    return loss(self, loss_of) + 100 * validations * distributed.rank()

DTensor.full_tensor, Validation.loss = counted, perturbed
train._run_worker(Path(sys.argv[1]))
assert most == 1, most
print("whole tensors", most)
"""


def test_each_rank_holds_one_whole_tensor_and_follows_rank_0(start: Start) -> None:
    step = start(
        "qwen3",
        **{"method": "full", "gpus": 2, "epochs": 4, "learning_rate": 0.002, "keep": {"best": "loss"}},
        early_stopping={"patience": 1},
    )
    step.work.mkdir()
    config = step.work / "config.json"
    write_json(config, build_config(step.params, inputs=read_inputs(step), work=step.work, processes=2))
    address, port = group_address(1)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(config)],
            env={**os.environ, **group_environment(address, port, 2, rank)},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        logs = [rank.communicate(timeout=120)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(logs)[-4000:]
    report = json.loads((step.work / "train.json").read_text())
    losses = [entry["loss"] for entry in report["validation"]]
    assert report["stopped"] == "epochs" and len(losses) == 4
    assert losses == sorted(losses, reverse=True)
    assert load_file(step.work / "model" / "model.safetensors")
