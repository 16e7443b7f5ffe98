"""Writes the order study: 160 training and 40 test messages with the repair order that each of them states, and
simulated answers to the test messages.

Run from anywhere: python experiments/orders/generate.py (needs no packages). Machines and messages are invented. The
same seed gives the same files.
"""

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

folder = Path(__file__).parent

machines = ["mixer", "feed pump", "belt conveyor", "cooling fan", "palletiser", "forklift"]
faults = {
    "leak": ["loses oil", "drips at the base", "leaks"],
    "noise": ["squeals", "rattles loudly", "makes a grinding noise"],
    "standstill": ["does not start", "has stopped", "stands still"],
    "overheating": ["gets too hot", "overheats", "smells burnt and is hot"],
}
parts = ["seal", "bearing", "hose", "filter", "fuse", "belt", "sensor"]
asides = [
    "The weekly check was on Monday.",
    "A visitor group is on site tomorrow.",
    "The other machines run well.",
    "Please use the north gate.",
    "The night shift has been informed.",
]
urgent_texts = ["This is urgent.", "Please come today, the line waits.", "We cannot wait."]
calm_texts = ["There is no hurry.", "Next week is early enough.", "It can wait."]


def order(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """A message, and the order in it."""
    machine = f"{rng.choice(machines)} {rng.choice('ABC')}{rng.randint(1, 20)}"
    day = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
    fault = rng.choice(list(faults))
    urgent = rng.random() < 0.4
    cost = rng.choice([None, rng.randint(5, 90) * 10, rng.randint(50, 900) + 0.5])
    wanted = [
        {"name": name, "quantity": rng.randint(1, 4)} for name in rng.sample(parts, rng.choices([0, 1, 2], [1, 3, 2])[0])
    ]
    written = rng.choice([f"{day.day} {day:%B} {day.year}", f"{day:%d.%m.%Y}", f"{day.isoformat()}"])
    symptom = rng.choice(faults[fault])
    opening = rng.choice(
        [
            f"Since {written} the {machine} {symptom}.",
            f"On {written} we saw that the {machine} {symptom}.",
            f"The {machine} {symptom}, reported on {written}.",
        ]
    )
    listed = " and ".join(f"{one['quantity']} {one['name']}{'s' if one['quantity'] > 1 else ''}" for one in wanted)
    sentences = [
        f"We need {listed}." if wanted else rng.choice(["No parts are needed.", "Parts are in stock."]),
        rng.choice(urgent_texts if urgent else calm_texts),
        rng.choice(asides),
    ]
    if cost is not None:
        sentences.append(rng.choice([f"Expected cost: {cost:g} euros.", f"It will cost about {cost:g} EUR."]))
    rng.shuffle(sentences)
    target = {
        **{"machine": machine, "reported": day.isoformat(), "fault": fault},
        **{"urgent": urgent, "cost": cost, "parts": wanted},
    }
    return " ".join([opening, *sentences]), target


def simulated(rng: random.Random, target: dict[str, Any], *, trained: bool) -> str:
    """An answer as a model might give it, with faults."""
    answer = json.loads(json.dumps(target))
    for _ in range(rng.choice([0, 0, 0, 1, 1]) if trained else rng.randint(1, 4)):
        match rng.randrange(6):
            case 0:
                answer["fault"] = rng.choice(list(faults))
            case 1:
                answer["urgent"] = not target["urgent"]
            case 2:
                answer["cost"] = None if answer["cost"] else 100
            case 3:
                answer["parts"] = answer["parts"][:1]
            case 4:
                answer["machine"] = target["machine"].upper()
            case _:
                answer["reported"] = f"{target['reported'][:8]}{rng.randint(10, 28)}"
    draw = rng.random()
    if trained:
        return json.dumps(answer) if draw < 0.95 else json.dumps(answer)[:-20]
    if draw < 0.2:
        answer.pop(rng.choice(list(answer)))
    elif draw < 0.4:
        answer["priority"] = "high"
    elif draw < 0.5:
        answer["cost"] = str(answer["cost"])
    text = json.dumps(answer, indent=1)
    around = rng.choice(["{}", "```json\n{}\n```", "Here is the order:\n{}\nIs there anything else?", "no"])
    return around.replace("{}", text)


def main() -> None:
    rng = random.Random(11)
    orders: dict[str, dict[str, Any]] = {}
    while len(orders) < 200:
        message, target = order(rng)
        orders.setdefault(message, target)
    rows = [(f"o{number:03}", message, target) for number, (message, target) in enumerate(orders.items(), 1)]
    for name, part in (("train.jsonl", rows[:160]), ("test.jsonl", rows[160:])):
        lines = [json.dumps({"id": row, "message": message, "order": target}) for row, message, target in part]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, trained in (("simulated-tuned.jsonl", True), ("simulated-zero-shot.jsonl", False)):
        lines = [
            json.dumps({"id": row, "text": simulated(rng, target, trained=trained)}) for row, _, target in rows[160:]
        ]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
