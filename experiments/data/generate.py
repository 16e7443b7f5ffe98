"""Write the synthetic studies: `generate.py --seed 2026`. Equal seeds give equal bytes.

`train.csv`, `test.csv`, `evidence.csv` and `mentions.csv` are the study. `hard/` has one that is as hard as real data.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from synthesis.case import PLANTED, draw_case
from synthesis.grammar import Dice
from synthesis.hard import CALIBRATION, hard_split
from synthesis.hard import TEST as HARD_TEST
from synthesis.report import Report, dictate

TRAIN, TEST = 1236, 236

# Annotation errors. Each replaces the answer of one training row.
DIRTY = (
    "{0}, {0}",
    "{0}.",
    "{0} ",
    "{0}, ",
    "{0}; follow-up recommended",
    "The findings are most consistent with {0} and clinical correlation is advised",
    "Based on the report as given the most likely diagnosis would be {0}, as described above",
    "{0}, None",
)
DIRTY_TEST = ("{0}.", "The findings are most consistent with {0} and clinical correlation is advised")

Row = tuple[Report, str]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=2026)
    arguments.add_argument("--check", action="store_true", help="write nothing, and fail if the files would change")
    options = arguments.parse_args()
    folder = Path(__file__).parent
    stale = []
    for name, text in files(options.seed).items():
        path = folder / name
        if options.check and (not path.exists() or path.read_bytes() != text.encode()):
            stale.append(name)
        elif not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
    if stale:
        print(f"{', '.join(stale)}: differs from --seed {options.seed}. Run generate.py.", file=sys.stderr)
    return 1 if stale else 0


def files(seed: int) -> dict[str, str]:
    """File name -> content: both splits, the sentence of each label and all mentions of labels in test, and `hard/`."""
    train, test = splits(seed)
    return {
        "train.csv": _csv("tr", train),
        "test.csv": _csv("te", test),
        "evidence.csv": _evidence("te", test),
        "mentions.csv": _mentions([("te", test)]),
        **_hard_files(seed),
    }


def _hard_files(seed: int) -> dict[str, str]:
    """The files of the hard study: three splits, and all mentions of labels in them."""
    seen: set[str] = set()
    rows = {
        name: [
            (report, ", ".join(report.labels))
            for report in hard_split(f"{seed} hard {name}", count, name == "train", seen)
        ]
        for name, count in (("train", TRAIN), ("test", HARD_TEST), ("calibration", CALIBRATION))
    }
    ids = {"train": "tr", "test": "te", "calibration": "ca"}
    return {
        **{f"hard/{name}.csv": _csv(ids[name], split) for name, split in rows.items()},
        "hard/mentions.csv": _mentions([(ids[name], split) for name, split in rows.items()]),
    }


def splits(seed: int) -> tuple[list[Row], list[Row]]:
    """Training and test reports with their gold answers; no two reports are equal."""
    seen: set[str] = set()
    train = _reports(f"{seed} train", TRAIN, {label: count for label, (count, _) in PLANTED.items()}, seen)
    test = _reports(f"{seed} test", TEST, {label: count for label, (_, count) in PLANTED.items()}, seen)
    return _answers(train, DIRTY, Dice(f"{seed} train answers")), _answers(
        test, DIRTY_TEST, Dice(f"{seed} test answers")
    )


def _reports(name: str, count: int, planted: dict[str, int], seen: set[str]) -> list[Report]:
    """Each report has its own random generator, so that a new phrase only changes the reports that use it."""
    rare = [label for label, times in planted.items() for _ in range(times)]
    reports: list[Report] = []
    for number in range(count):
        dice = Dice(f"{name} {number}")
        label = rare[number] if number < len(rare) else None
        while (report := dictate(draw_case(dice, label), dice)).text in seen:
            pass
        seen.add(report.text)
        reports.append(report)
    return Dice(name).shuffled(reports)


def _answers(reports: list[Report], dirty: tuple[str, ...], dice: Dice) -> list[Row]:
    rows = [(report, ", ".join(report.labels)) for report in reports]
    single = dice.shuffled([index for index, report in enumerate(reports) if len(report.labels) == 1])
    for index, template in zip(single, dirty, strict=False):
        rows[index] = (reports[index], template.format(reports[index].labels[0]))
    return rows


def _csv(prefix: str, rows: list[Row]) -> str:
    header = ("case_id", "input_finding", "output_disease")
    return _table(header, ((_id(prefix, number), report.text, answer) for number, (report, answer) in _numbered(rows)))


def _evidence(prefix: str, rows: list[Row]) -> str:
    """The sentence that states each label, for measurements of the error analysis. Normal reports have no label."""
    return _table(
        ("case_id", "label", "sentence"),
        (
            (_id(prefix, number), label, sentence)
            for number, (report, _) in _numbered(rows)
            for label, sentence in zip(report.canonical, report.evidence, strict=True)
            if sentence
        ),
    )


def _mentions(splits: list[tuple[str, list[Row]]]) -> str:
    """Every mention of a label, also without a finding, for measurements of the causes of errors."""
    return _table(
        ("case_id", "label", "status", "sentence"),
        (
            (_id(prefix, number), *mention)
            for prefix, rows in splits
            for number, (report, _) in _numbered(rows)
            for mention in report.mentions
        ),
    )


def _numbered(rows: list[Row]) -> Iterable[tuple[int, Row]]:
    return enumerate(rows, start=1)


def _id(prefix: str, number: int) -> str:
    return f"{prefix}-{number:04d}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
