"""Write simulated answers to the test reports: `simulate.py --seed 7`. Gold labels are corrupted at random by a seed;
no model is involved.

With these files all steps after generation run without a GPU: scores, tests, report, workbook. The scores measure the
corruption. They say nothing about Qwen3.
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
    """Error rates of a simulated model: shares of gold labels; `added` and `prose` are shares of cases."""

    omitted: float
    """Label missing. Labels of few training rows are up to three times as likely."""
    confused: float
    """Label replaced by one of the same kind in another organ: liver cyst for renal cyst."""
    added: float
    """Additional label, most often one that the text negates."""
    prose: float
    """Labels in a sentence or in a list of lines."""
    respelt: float
    """Label in another spelling: lower case, title case, plural."""


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
    arguments.add_argument("--check", action="store_true", help="write nothing, and fail if the files would change")
    options = arguments.parse_args()
    stale = []
    for name, text in files(options.seed).items():
        path = Path(__file__).parent / name
        if options.check and (not path.exists() or path.read_bytes() != text.encode()):
            stale.append(name)
        elif not options.check:
            path.write_bytes(text.encode())
    if stale:
        print(f"{', '.join(stale)}: differs from --seed {options.seed}. Run simulate.py.", file=sys.stderr)
    return 1 if stale else 0


def files(seed: int) -> dict[str, str]:
    """File name -> content: a line {"id", "text"} for each case."""
    train, test = read("train"), read("test")
    statistics = LabelStatistics(train)
    return {
        f"{name}.jsonl": "".join(
            json.dumps({"id": row[0], "text": answer(row, writer, name, seed, statistics)}) + "\n" for row in test
        )
        for name, writer in WRITERS.items()
    }


def read(part: str) -> list[Row]:
    with (DATA / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        return [
            (row["case_id"], row["input_finding"], row["output_disease"].split(", ")) for row in csv.DictReader(file)
        ]


class LabelStatistics:
    """Statistics of the labels of the training rows: counts, co-occurring labels, and labels of the same kind."""

    def __init__(self, rows: list[Row]) -> None:
        self.counts = Counter(label for _, _, labels in rows for label in labels if len(label) < 40)
        self.usual = sorted(label for label, count in self.counts.items() if count >= 3)
        self.together: dict[str, list[str]] = defaultdict(list)
        for _, _, labels in rows:
            for label in labels:
                self.together[label] += [other for other in labels if other != label and self.counts[other] >= 3]
        self.kinds: dict[str, list[str]] = defaultdict(list)
        for label in self.usual:
            self.kinds[label.split()[-1].lower()].append(label)


def answer(row: Row, writer: Writer, name: str, seed: int, statistics: LabelStatistics) -> str:
    case, text, gold = row
    own = random.Random(f"{seed} {name} {case}")
    given: list[str] = []
    for label in gold:
        rarity = 3 if statistics.counts[label] <= 5 else 1.6 if statistics.counts[label] <= 20 else 1
        luck = own.random()
        # Errors of the models correlate: half of the draws depend on the case and not on the model.
        if random.Random(f"{seed} {case} {label}").random() < 0.5:
            luck = random.Random(f"{seed} {case} {label} luck").random()
        if luck < writer.omitted * rarity:
            continue
        rivals = [other for other in statistics.kinds[label.split()[-1].lower()] if other.lower() != label.lower()]
        given.append(own.choice(rivals) if rivals and own.random() < writer.confused else label)
    if own.random() < writer.added:
        given.append(addition(text, gold, own, statistics))
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


def addition(text: str, gold: list[str], own: random.Random, statistics: LabelStatistics) -> str:
    """An additional label: one that the text names, else one that co-occurs with a gold label, else any."""
    known = {label.lower() for label in gold}
    named = [label for label in statistics.usual if label.lower() in text.lower() and label.lower() not in known]
    together = [other for label in gold for other in statistics.together[label] if other.lower() not in known]
    for choices in (named, together):
        if choices and own.random() < 0.7:
            return own.choice(choices)
    return own.choice([label for label in statistics.usual if label.lower() not in known])


def respelt(label: str, own: random.Random) -> str:
    return own.choice([label.lower(), label.title(), label if label.endswith("s") else f"{label}s"])


if __name__ == "__main__":
    sys.exit(main())
