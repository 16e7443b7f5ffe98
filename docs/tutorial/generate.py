"""Write the data files of the tutorials: python3 generate.py [FOLDER]. The same program gives the same bytes.

tickets.csv: support tickets, each with the team that answers it. notes.jsonl: incident notes with a one-sentence summary.
chats.jsonl: conversations of two turns about a library, in the form of the OpenAI API. rentals.jsonl: requests for a
van, each with the request as an object. All texts are composed from the lists below with a fixed seed.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

TEAMS = {
    "billing": [
        "I was charged twice for order {n}.",
        "The invoice of {month} shows the wrong amount.",
        "Please send the receipt for order {n} again.",
        "My refund for order {n} has not arrived.",
        "Why does the bill of {month} have a new fee?",
    ],
    "shipping": [
        "Parcel {n} has been on its way since {month}.",
        "The courier left parcel {n} at a wrong address.",
        "Can you deliver order {n} to my office?",
        "The box of order {n} arrived empty.",
        "Tracking for parcel {n} shows no movement.",
    ],
    "account": [
        "I cannot sign in since {month}.",
        "Please change the email address of account {n}.",
        "The reset link for account {n} has expired.",
        "Delete account {n} and all its data.",
        "Two people share account {n}; please split it.",
    ],
    "product": [
        "The handle of item {n} broke on the first day.",
        "Is there a spare lid for item {n}?",
        "Item {n} makes a loud noise when it heats.",
        "The manual of item {n} lacks page two.",
        "Does item {n} work with the model of {month}?",
    ],
}
MONTHS = ["January", "March", "May", "July", "September", "November"]
OPENINGS = ["", "Hello, ", "Good morning. ", "Hi team, "]
ENDINGS = ["", " Thank you.", " Please answer soon.", " Kind regards, a customer."]

PLACES = ["pump house", "north gate", "boiler room", "loading dock", "paint shop", "cold store", "roof", "server room"]
EVENTS = [
    ("water on the floor", "a seal had worn out", "replaced the seal"),
    ("smoke near the ceiling", "a lamp had overheated", "changed the lamp"),
    ("a loud hum", "a bearing was dry", "greased the bearing"),
    ("a smell of gas", "a valve was not tight", "tightened the valve"),
    ("no light", "a fuse had blown", "put in a new fuse"),
]
ROLES = ["The night guard", "A driver", "The cleaner", "An apprentice", "The shift lead"]

BOOKS = ["atlas", "novel", "dictionary", "cookbook", "travel guide", "biography"]
QUESTIONS = [
    ("May I keep the {book} for another week?", "Yes, you may renew the {book} once."),
    ("Where do I return the {book}?", "Put the {book} into the box at the entrance."),
    ("The {book} has a torn page. What now?", "Bring the {book} to the desk, we repair it."),
    ("Is the {book} available as an e-book?", "Yes, the {book} is in the online catalogue."),
]
GREETINGS = [
    ("Hello, are you open on {day}?", "Yes, from nine to six on {day}."),
    ("Can I bring my dog on {day}?", "No, but there is a bench outside."),
]
DAYS = ["Monday", "Tuesday", "Thursday", "Saturday"]

FIRST_NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo"]
LAST_NAMES = ["Moss", "Ito", "Brandt", "Okoro", "Lind", "Weber", "Rao", "Silva"]
SIZES = ["small", "medium", "large"]
EXTRAS = ["ramp", "straps", "trolley"]
REQUESTS = [
    "I need a {size} van for {days} from {day}{extras}. {customer}",
    "{customer} would like a {size} van on {day}, for {days}{extras}.",
    "Can we have a {size} van from {day}? We need it for {days}{extras}. Regards, {customer}",
    "Please book {days} with a {size} van for {customer}, starting on {day}{extras}.",
]


def tickets(draw: random.Random) -> list[dict[str, str]]:
    """48 tickets, 12 for each team."""
    rows = []
    for team, texts in TEAMS.items():
        for at in range(12):
            text = texts[at % len(texts)].format(n=draw.randint(10_000, 99_999), month=draw.choice(MONTHS))
            rows.append({"message": draw.choice(OPENINGS) + text + draw.choice(ENDINGS), "team": team})
    draw.shuffle(rows)
    return [{"ticket": f"T-{at:03}", **row} for at, row in enumerate(rows, 1)]


def notes(draw: random.Random) -> list[dict[str, str]]:
    """40 notes, one for each place and event."""
    rows = []
    for place in PLACES:
        for sign, cause, act in EVENTS:
            hour = draw.randint(0, 23)
            text = (
                f"{draw.choice(ROLES)} reported {sign} in the {place} at {hour:02}:{draw.randint(0, 59):02}. "
                f"Staff closed the area and looked for the source. It turned out that {cause}. "
                f"The technician {act} and the area was opened again after {draw.randint(10, 90)} minutes."
            )
            rows.append({"note": text, "summary": f"In the {place} there was {sign} because {cause}."})
    draw.shuffle(rows)
    return [{"id": f"N-{at:03}", **row} for at, row in enumerate(rows, 1)]


def chats(draw: random.Random) -> list[dict[str, list[dict[str, str]]]]:
    """48 conversations of a system message and two turns."""
    pairs = [(book, question, greeting) for book in BOOKS for question in QUESTIONS for greeting in GREETINGS]
    draw.shuffle(pairs)
    rows = []
    for book, (question, answer), (greeting, reply) in pairs:
        day = draw.choice(DAYS)
        said = [
            ("system", "You answer questions of visitors of a library in one sentence."),
            ("user", greeting.format(day=day)),
            ("assistant", reply.format(day=day)),
            ("user", question.format(book=book)),
            ("assistant", answer.format(book=book)),
        ]
        rows.append({"messages": [{"role": role, "content": content} for role, content in said]})
    return rows


def rentals(draw: random.Random) -> list[dict[str, object]]:
    """40 requests, 10 of each form."""
    rows: list[dict[str, object]] = []
    for at in range(40):
        extras = [extra for extra in EXTRAS if draw.random() < 0.4]
        days = draw.randint(1, 5)
        rental = {
            "customer": f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}",
            "size": draw.choice(SIZES),
            "day": draw.choice(DAYS),
            "days": days,
            "extras": extras,
        }
        words = {**rental, "days": "one day" if days == 1 else f"{days} days"}
        words["extras"] = f", with {' and '.join(extras)}" if extras else ""
        rows.append({"message": REQUESTS[at % len(REQUESTS)].format(**words), "rental": rental})
    draw.shuffle(rows)
    return [{"id": f"R-{at:03}", **row} for at, row in enumerate(rows, 1)]


def main(folder: Path) -> None:
    """Write the four files into a folder."""
    draw = random.Random(20)
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["ticket", "message", "team"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(tickets(draw))
    files = (("notes.jsonl", notes(draw)), ("chats.jsonl", chats(draw)), ("rentals.jsonl", rentals(draw)))
    for name, rows in files:
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
