"""The reports of the hard study: labels with exact counts in each split, and texts that state them imperfectly.

The labels of a row are drawn first. The report then states most of them, some without their name. It omits some (labels
without text) and states findings that no label records (under-annotation).
"""

from dataclasses import dataclass, replace
from math import exp

from .case import PICTURES, Case
from .catalogue import FEMALE_ONLY, FINDINGS, MALE_ONLY, NORMAL
from .grammar import Dice, expand
from .hard_findings import (
    DESCRIBED,
    LIKE,
    NEVER_NAMED,
    ROWS,
    SAME_TEXT,
    VAGUE,
    finding_of,
)
from .report import HEDGES, Report, Sentence, as_written, compose, say_remarks, words_of

TRAIN, TEST, CALIBRATION = 1236, 386, 386

NAMED_SHARE = 0.85
VAGUE_SHARE = 0.3
HEDGE_SHARE = 0.05
SECOND_SHARE = 0.3
WITHOUT_TEXT_SHARE = 0.1
UNLABELLED_SHARE = 0.13
DENIAL_SHARE = 0.3
LONG_DENIAL_SHARE = 0.9
TYPING_ERRORS = 0.02

# Authors with phrases of their own for normal organs, and the share of their reports.
AUTHORS = 1
STOCK_SHARE = 0.95

# Words of a report: the median of a log-normal distribution, its spread, and the limits.
MEDIAN_WORDS = 127
SPREAD = 0.56
WORDS = (20, 360)
REPEAT_FROM = 170
LONG = 240

# Labels of a row: their numbers with weights.
LABELS_OF_A_ROW = {1: 0.36, 2: 0.27, 3: 0.18, 4: 0.1, 5: 0.05, 6: 0.03, 7: 0.01}
PICTURE_WEIGHT = 400
UNSPECIFIC_SHARE = 0.001
ROWS_WITH_UNSEEN = 74
FEW = 5


@dataclass
class _Row:
    """The labels of a row while they are drawn, and how many it can take."""

    picture: int
    female: bool
    room: int
    labels: list[str]

    def takes(self, label: str) -> bool:
        base = SAME_TEXT.get(label, label)
        if any(SAME_TEXT.get(other, other) in (base, NORMAL) for other in self.labels):
            return False
        return label == NORMAL or finding_of(label).organ not in (MALE_ONLY if self.female else FEMALE_ONLY)


def hard_split(name: str, count: int, training: bool, seen: set[str]) -> list[Report]:
    """The reports of a split with the label counts of `ROWS`. No text is in `seen`, to which the texts are added."""
    reports = []
    for number, row in enumerate(_draw_rows(Dice(f"{name} rows"), count, training)):
        dice = Dice(f"{name} {number}")
        while (report := _dictate(row, dice)).text in seen:
            pass
        seen.add(report.text)
        reports.append(report)
    return reports


def _draw_rows(dice: Dice, count: int, training: bool) -> list[_Row]:
    """Rows with labels, so that each label has its count. Labels of one clinical picture are drawn together."""
    counts = {label: train if training else test for label, (train, test) in ROWS.items()}
    rows = []
    for _ in range(count):
        picture = dice.weighted(
            {index: picture.share if picture.chances else UNSPECIFIC_SHARE for index, picture in enumerate(PICTURES)}
        )
        fixed = PICTURES[picture].female
        female = dice.chance(0.48) if fixed is None else fixed
        rows.append(_Row(picture, female, dice.weighted(LABELS_OF_A_ROW), []))
    for row in rows[: counts[NORMAL]]:
        row.labels, row.room = [NORMAL], 0
    _draw_unseen(dice, rows[counts[NORMAL] : counts[NORMAL] + ROWS_WITH_UNSEEN], training)
    seen = [label for label, (train, _) in ROWS.items() if train and label != NORMAL]
    for label in sorted(seen, key=lambda label: counts[label]):
        for _ in range(counts[label]):
            _draw_row(dice, rows, label).labels.append(label)
    # A row without a label takes one from a row with several.
    for row in rows:
        while not row.labels:
            other = dice.pick([other for other in rows if len(other.labels) > 2])
            label = dice.pick(other.labels)
            if row.takes(label) and ROWS[label][0]:
                other.labels.remove(label)
                row.labels.append(label)
    for row in rows:
        row.labels = dice.shuffled(row.labels)
    return dice.shuffled(rows)


def _draw_unseen(dice: Dice, rows: list[_Row], training: bool) -> None:
    """Labels that training has not: one in each of the rows, the rest as second ones."""
    if training:
        return
    unseen = [label for label, (train, test) in ROWS.items() if not train for _ in range(test)]
    for index, label in enumerate(unseen):
        fits = [row for row in rows if (len(row.labels) == (0 if index < len(rows) else 1)) and row.takes(label)]
        row = dice.pick(fits)
        row.labels.append(label)


def _draw_row(dice: Dice, rows: list[_Row], label: str) -> _Row:
    base = SAME_TEXT.get(label, label)
    for attempt in range(4000):
        row = dice.pick(rows)
        if len(row.labels) < row.room + attempt // 2000 and row.takes(label):
            weight = 1 + PICTURE_WEIGHT * PICTURES[row.picture].chances.get(base, 0)
            if dice.chance(weight / (1 + PICTURE_WEIGHT)):
                return row
    return dice.pick([row for row in rows if row.takes(label)])


def _dictate(row: _Row, dice: Dice) -> Report:
    """A report of 20 to 360 words. Its labels have the order of mention; those without text are the last."""
    while True:
        wanted = MEDIAN_WORDS * exp(SPREAD * sum(dice.between(-1, 1) for _ in range(3)))
        findings = _say_findings(row, dice)
        hidden = {other for _, base in findings for other in LIKE.get(base, (base,)) if other in FINDINGS}
        case = Case(frozenset(hidden), row.female, dice.pick(PICTURES[row.picture].reasons))
        sentences = [sentence for sentence, _ in findings]
        author = f"author {dice.whole(1, AUTHORS)}" if dice.chance(STOCK_SHARE) else ""
        denials = LONG_DENIAL_SHARE if wanted > LONG else DENIAL_SHARE
        remarks = say_remarks(case, sentences, dice, wanted, denials, wanted > REPEAT_FROM, author)
        said = [_mistyped(sentence, dice) for sentence in [*sentences, *remarks]]
        ordered, text = compose(case, said, dice)
        if WORDS[0] <= len(text.split()) <= WORDS[1]:
            break
    mentions = [
        (*mention, as_written(sentence.text, text))
        for sentence in ordered
        if sentence.labels
        for mention in sentence.mentions
    ]
    places = {label: at for at, (label, *_) in reversed([*enumerate(mentions)])}
    labels = tuple(sorted(row.labels, key=lambda label: places.get(label, len(mentions))))
    mentions += [(label, "without text", "") for label in labels if label not in places and label != NORMAL]
    return Report(text, labels, labels, (), tuple(mentions))


def _say_findings(row: _Row, dice: Dice) -> list[tuple[Sentence, str]]:
    """Sentences of findings, each with its label in the catalogue."""
    said: list[tuple[Sentence, str]] = []
    for label in row.labels:
        rare = ROWS[label][0] <= FEW
        if label != NORMAL and not dice.chance(0 if ROWS[label][0] == 1 else WITHOUT_TEXT_SHARE):
            for _ in range(2 if dice.chance(SECOND_SHARE) else 1):
                said.append((_say(label, "", rare, dice), SAME_TEXT.get(label, label)))
        if label != NORMAL and dice.chance(UNLABELLED_SHARE):
            other = dice.weighted({other: float(train) for other, (train, _) in ROWS.items() if train > FEW})
            base = SAME_TEXT.get(other, other)
            if other != NORMAL and row.takes(other) and base not in {b for _, b in said}:
                said.append((_say(other, "unlabelled", False, dice), base))
    return said


def _say(label: str, status: str, rare: bool, dice: Dice) -> Sentence:
    """A sentence that states a finding: by name, by a description, or in words that fit several labels."""
    finding = finding_of(label)
    base = finding.label
    vague = [entry for entry in VAGUE if base in entry[1]]
    named = [template for template in finding.named if label not in NEVER_NAMED]
    described = [*finding.described, *DESCRIBED.get(base, ())]
    organ = finding.organ
    while True:
        if vague and not rare and dice.chance(VAGUE_SHARE):
            organ, _, phrases = dice.pick(vague)
            template = dice.pick(phrases)
        elif named and (rare or dice.chance(NAMED_SHARE)):
            template = dice.pick(named)
            if finding.nouns and dice.chance(HEDGE_SHARE):
                template = dice.pick(HEDGES).format(dice.pick(finding.nouns))
        else:
            template = dice.pick(described)
        text = expand(template, dice)
        names = words_of(label) <= words_of(text)
        if not (names and label in NEVER_NAMED):
            break
    return Sentence(organ, text, (label,), mentions=((label, status or ("named" if names else "described")),))


def _mistyped(sentence: Sentence, dice: Dice) -> Sentence:
    """A sentence with typing errors: a letter left out, doubled or exchanged."""
    words = sentence.text.split(" ")
    for index, word in enumerate(words):
        if len(word) > 5 and word.isalpha() and dice.chance(TYPING_ERRORS):
            at = dice.whole(1, len(word) - 3)
            kind = dice.whole(0, 2)
            middle = (word[at + 1], word[at] * 2 + word[at + 1], word[at + 1] + word[at])[kind]
            words[index] = word[:at] + middle + word[at + 2 :]
    return replace(sentence, text=" ".join(words))
