"""Writes the incident study: 160 training and 40 test reports with titles, and simulated answers to the test reports.

Run from anywhere: python experiments/incidents/generate.py (needs no packages). Sites, machines and people are invented.
The same seed gives the same files.
"""

import csv
import json
import random
from pathlib import Path

folder = Path(__file__).parent

machines = ["feed pump", "belt conveyor", "cooling fan", "mixer", "code printer", "forklift", "boiler", "palletiser"]
places = ["hall A", "hall B", "the filling line", "the cold store", "the loading bay", "the boiler house"]
people = ["a technician", "the night shift", "the shift leader", "an operator", "a driver"]
faults = {
    "a worn seal": ("leaked", "leak"),
    "a loose cable": ("lost power", "power loss"),
    "a blocked filter": ("overheated", "overheating"),
    "a broken bearing": ("jammed", "jam"),
    "a wrong setting": ("ran too fast", "overspeed"),
    "a faulty sensor": ("stopped without a signal", "false stop"),
}
effects = {
    "no product was lost": "no loss",
    "the line stood still for {n} minutes": "{n} min standstill",
    "{n} crates had to be thrown away": "{n} crates lost",
    "the delivery left {n} minutes late": "delivery {n} min late",
}
repairs = ["The part was replaced.", "It was cleaned and restarted.", "The supplier was called.", "A spare was fitted."]
asides = [
    "The weather was cold.",
    "A visitor group was on site.",
    "The weekly check had been done on Monday.",
    "Nobody was hurt.",
    "The radio channel was noisy.",
    "The previous report names another machine.",
]


def incident(rng: random.Random) -> tuple[str, list[str]]:
    """A report, and its title in two styles in random order: nothing in the report shows which is the first."""
    machine, place, cause = rng.choice(machines), rng.choice(places), rng.choice(list(faults))
    verb, noun = faults[cause]
    long, short = rng.choice(list(effects.items()))
    count = rng.randrange(5, 95, 5)
    opening = rng.choice(
        [
            f"At {rng.randrange(24):02}:{rng.randrange(60):02} {rng.choice(people)} noticed that the {machine} in {place} {verb}.",
            f"The {machine} in {place} {verb} during the {rng.choice(['early', 'late', 'night'])} shift.",
            f"{rng.choice(people).capitalize()} reported from {place}: the {machine} {verb}.",
        ]
    )
    sentences = [f"The cause was {cause}.", f"As a result {long.format(n=count)}.", rng.choice(repairs), rng.choice(asides)]
    rng.shuffle(sentences)
    if rng.random() < 0.3:
        opening, sentences = sentences[0], [opening, *sentences[1:]]
    where, why, effect = place.removeprefix("the "), cause.split(" ", 1)[1], short.format(n=count)
    titles = [
        f"{machine.capitalize()} {noun} in {where}: {why}, {effect}",
        f"{why.capitalize()} in {where}: {machine} {noun}, {effect}",
    ]
    rng.shuffle(titles)
    return " ".join([opening, *sentences]), titles


def simulated(rng: random.Random, report: str, titles: list[str], *, trained: bool) -> str:
    """An answer as a model might give it: a title in either style, with faults, if trained; else the start of the report."""
    if not trained:
        lead = " ".join(report.split()[: rng.randint(6, 25)])
        return rng.choice([f"Title: {lead}", lead, f"Here is a title: {lead}", ""])
    title = rng.choice(titles)
    head, _, tail = title.partition(": ")
    draw = rng.random()
    if draw < 0.55:
        return title
    if draw < 0.7:
        return f"{head}: {tail.split(', ')[0]}"
    if draw < 0.85:
        return title.lower() + "."
    return rng.choice([head, " ".join(report.split()[:14]), f"{head}: unknown cause"])


def main() -> None:
    rng = random.Random(20)
    reports: dict[str, list[str]] = {}
    while len(reports) < 200:
        report, titles = incident(rng)
        reports.setdefault(report, titles)
    rows = [(f"i{number:03}", report, titles) for number, (report, titles) in enumerate(reports.items(), 1)]
    for name, part in (("train.csv", rows[:160]), ("test.csv", rows[160:])):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["id", "report", "title"])
            writer.writerows((row, report, titles[0]) for row, report, titles in part)
    for name, trained in (("simulated-tuned.jsonl", True), ("simulated-zero-shot.jsonl", False)):
        lines = [{"id": row, "text": simulated(rng, report, titles, trained=trained)} for row, report, titles in rows[160:]]
        (folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
