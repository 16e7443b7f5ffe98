"""Writes simulated answers to the test reports: gold labels, corrupted by a seed. No model is involved: `simulate.py
--seed 7`.

The files stand in for a GPU where only what comes after generation is to be run: scores, tests, report, workbook. What
they score says how the answers were corrupted and nothing about Qwen3.
"""

import argparse
import csv
import json
import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Writer:
    """How a simulated model errs. Shares are of gold labels, `added` and `prose` of cases."""

    omitted: float
    """Left out; a label of few training rows up to three times as often."""
    confused: float
    """Taken for a label of the same kind in another place: liver cyst for renal cyst."""
    added: float
    """A label more than there should be, most of all one that the text names and denies."""
    prose: float
    """A sentence around the labels, or a list of lines."""
    respelt: float
    """Written otherwise than in the data: lower case, plural."""


WRITERS = {
    "simulated-4b-zero-shot": Writer(omitted=0.24, confused=0.09, added=0.75, prose=0.30, respelt=0.30),
    "simulated-8b-zero-shot": Writer(omitted=0.19, confused=0.06, added=0.60, prose=0.15, respelt=0.22),
    "simulated-4b-tuned": Writer(omitted=0.075, confused=0.035, added=0.16, prose=0.0, respelt=0.03),
    "simulated-8b-tuned": Writer(omitted=0.06, confused=0.025, added=0.13, prose=0.0, respelt=0.02),
}

Row = tuple[str, str, list[str]]
"""Id, text, labels."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--check", action="store_true", help="write nothing; fail if the files would change")
    options = arguments.parse_args()
    stale = []
    for name, text in files(options.seed).items():
        path = Path(__file__).parent / name
        if options.check and (not path.exists() or path.read_bytes() != text.encode()):
            stale.append(name)
        elif not options.check:
            path.write_bytes(text.encode())
    if stale:
        print(f"{', '.join(stale)}: not what --seed {options.seed} gives; run simulate.py again", file=sys.stderr)
    return 1 if stale else 0


def files(seed: int) -> dict[str, str]:
    """File name -> one `{"id", "text"}` a line."""
    train, test = read("train"), read("test")
    knowledge = Knowledge(train)
    return {
        f"{name}.jsonl": "".join(
            json.dumps({"id": row[0], "text": answer(row, writer, name, seed, knowledge)}) + "\n" for row in test
        )
        for name, writer in WRITERS.items()
    }


def read(part: str) -> list[Row]:
    with (DATA / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        return [
            (row["case_id"], row["input_finding"], row["output_disease"].split(", ")) for row in csv.DictReader(file)
        ]


class Knowledge:
    """What training rows say of labels: how often, with what, and which are of one kind."""

    def __init__(self, rows: list[Row]) -> None:
        self.counts = Counter(label for _, _, labels in rows for label in labels if len(label) < 40)
        self.usual = sorted(label for label, count in self.counts.items() if count >= 3)
        self.beside: dict[str, list[str]] = defaultdict(list)
        for _, _, labels in rows:
            for label in labels:
                self.beside[label] += [other for other in labels if other != label and self.counts[other] >= 3]
        self.kinds: dict[str, list[str]] = defaultdict(list)
        for label in self.usual:
            self.kinds[label.split()[-1].lower()].append(label)


def answer(row: Row, writer: Writer, name: str, seed: int, knowledge: Knowledge) -> str:
    case, text, gold = row
    own = random.Random(f"{seed} {name} {case}")
    given: list[str] = []
    for label in gold:
        rarity = 3 if knowledge.counts[label] <= 5 else 1.6 if knowledge.counts[label] <= 20 else 1
        luck = own.random()
        # What is hard is hard for every model: half of the luck is the case's own.
        if random.Random(f"{seed} {case} {label}").random() < 0.5:
            luck = random.Random(f"{seed} {case} {label} luck").random()
        if luck < writer.omitted * rarity:
            continue
        rivals = [other for other in knowledge.kinds[label.split()[-1].lower()] if other.lower() != label.lower()]
        given.append(own.choice(rivals) if rivals and own.random() < writer.confused else label)
    if own.random() < writer.added:
        given.append(addition(text, gold, own, knowledge))
    if not given:
        given = ["No significant abnormality"]
    spelt = [respelt(label, own) if own.random() < writer.respelt else label for label in dict.fromkeys(given)]
    if own.random() >= writer.prose:
        return ", ".join(spelt)
    return own.choice(
        [
            f"The most likely diagnoses are: {', '.join(spelt)}.",
            f"Diagnoses: {', '.join(spelt)}",
            "\n".join(f"- {label}" for label in spelt),
            "\n".join(f"{at}. {label}" for at, label in enumerate(spelt, 1)),
        ]
    )


def addition(text: str, gold: list[str], own: random.Random, knowledge: Knowledge) -> str:
    """A label that is not there: named and denied in the text, else seen with one that is there, else any."""
    known = {label.lower() for label in gold}
    named = [label for label in knowledge.usual if label.lower() in text.lower() and label.lower() not in known]
    beside = [other for label in gold for other in knowledge.beside[label] if other.lower() not in known]
    for choices in (named, beside):
        if choices and own.random() < 0.7:
            return own.choice(choices)
    return own.choice([label for label in knowledge.usual if label.lower() not in known])


def respelt(label: str, own: random.Random) -> str:
    return own.choice([label.lower(), label.title(), label if label.endswith("s") else f"{label}s"])


if __name__ == "__main__":
    sys.exit(main())
