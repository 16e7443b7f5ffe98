"""The report of a case: its sentences, their order, and its style."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .case import Case
from .catalogue import (
    COMPOUNDS,
    FEMALE_ONLY,
    FINDINGS,
    MALE_ONLY,
    NORMAL,
    NORMAL_SPELLINGS,
    ORGANS,
    PASSING,
    REMARKS,
)
from .finding import Remark
from .grammar import Dice, expand

NAMED_SHARE = 0.84
COMPOUND_SHARE = 0.4
HEDGE_SHARE = 0.04
DENIAL_SHARE = 0.08
BYSTANDER_SHARE = 0.4
SPELLING_SCALE = 0.15
WORDS = (80, 200)

# These phrases fit nouns of any number.
_HEDGES = (
    "[Possible|Probable|Suspected] {}",
    "[Findings suggestive of|Findings suspicious for|Appearance suggests] {}",
    "{} [suspected|favored]",
)
_DENIALS = (
    "No [evidence of |convincing |definite |]{}",
    "[Negative for|Without evidence of] {}",
    "{} [not seen|excluded]",
)
_RESOLVED = (
    "[Interval resolution of the previously seen|Resolved] {}",
    "Prior {} no longer [seen|present]",
)
_HISTORY = ("[Known|History of|Prior] {}", "[Rule out|Evaluate for|Question of|Suspected] {}")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a report, its labels, and whether they are hedged."""

    organ: str
    text: str
    labels: tuple[str, ...] = ()
    hedged: bool = False


@dataclass(frozen=True)
class Report:
    """The text, its labels in the order of mention (in an annotator's spelling and in the canonical one), and the
    sentence that states each label."""

    text: str
    labels: tuple[str, ...]
    canonical: tuple[str, ...]
    evidence: tuple[str, ...]


def dictate(case: Case, dice: Dice) -> Report:
    """A report of 80 to 200 words with every label of the case."""
    while True:
        findings = _say_findings(case, dice)
        remarks = _say_remarks(case, findings, dice)
        ordered, text = dice.weighted(_STYLES)(case, [*findings, *remarks], dice)
        if WORDS[0] <= len(text.split()) <= WORDS[1]:
            break
    if not case.labels:
        return Report(text, (_cased(dice.weighted(_shares(NORMAL, NORMAL_SPELLINGS)), dice),), (NORMAL,), ("",))
    mentioned = [(label, sentence) for sentence in ordered for label in sentence.labels]
    return Report(
        text,
        tuple(_spell(*one, dice) for one in mentioned),
        tuple(label for label, _ in mentioned),
        tuple(_as_written(sentence.text, text) for _, sentence in mentioned),
    )


def _as_written(sentence: str, text: str) -> str:
    """The form that a sentence has in a report: notes shorten sentences, and some abbreviate words."""
    shortened = _shorten(sentence)
    for form in (sentence, shortened, _abbreviate(shortened)):
        if form in text:
            return form
    raise ValueError(f"{sentence!r} is not in the report")


def _say_findings(case: Case, dice: Dice) -> list[Sentence]:
    rest = set(case.labels)
    sentences = []
    for compound in dice.shuffled(COMPOUNDS):
        if rest.issuperset(compound.labels) and dice.chance(COMPOUND_SHARE):
            sentences.append(Sentence(compound.organ, expand(dice.pick(compound.phrases), dice), compound.labels))
            rest -= set(compound.labels)
    for label in dice.shuffled(sorted(rest)):
        finding = FINDINGS[label]
        hedged = bool(finding.nouns) and dice.chance(HEDGE_SHARE)
        named = not finding.described or dice.chance(NAMED_SHARE)
        if hedged:
            template = dice.pick(_HEDGES).format(dice.pick(finding.nouns))
        else:
            template = dice.pick(finding.named if named else finding.described)
        sentences.append(Sentence(finding.organ, expand(template, dice), (label,), hedged))
    return sentences


def _say_remarks(case: Case, findings: list[Sentence], dice: Dice) -> list[Sentence]:
    """Normal sentences and distractors, up to a drawn length. No two sentences have the same topic."""
    absent_organs = MALE_ONLY if case.female else FEMALE_ONLY
    wanted = dice.between(74, 122) + dice.between(0, 46)
    words = sum(len(sentence.text.split()) for sentence in findings) + 12
    taken: set[str] = set(case.labels)
    counts: dict[str, int] = {}
    sentences = []
    for remark in dice.shuffled([*REMARKS, *_denials(dice)]):
        topics = {*remark.contradicts, *(label for organ in remark.covers for label in _labels_of(organ))}
        full = counts.get(remark.organ, 0) >= 3 or any(counts.get(organ, 0) for organ in remark.covers)
        if words >= wanted or full or topics & taken or remark.organ in absent_organs:
            continue
        if not topics and not dice.chance(BYSTANDER_SHARE):
            continue
        sentence = Sentence(remark.organ, expand(dice.pick(remark.phrases), dice))
        sentences.append(sentence)
        words += len(sentence.text.split())
        taken |= topics
        for organ in (remark.organ, *remark.covers):
            counts[organ] = counts.get(organ, 0) + (1 if organ == remark.organ else 3)
    return sentences


def _denials(dice: Dice) -> Iterable[Remark]:
    """Sentences in which a label is negated or resolved."""
    for label, finding in FINDINGS.items():
        if finding.nouns and dice.chance(DENIAL_SHARE):
            template = dice.pick(_RESOLVED if label in PASSING and dice.chance(0.5) else _DENIALS)
            yield Remark(finding.organ, (template.format(dice.pick(finding.nouns)),), (label,))


def _labels_of(organ: str) -> list[str]:
    return [label for label, finding in FINDINGS.items() if finding.organ == organ]


def _opening(case: Case, dice: Dice) -> str:
    """The lines before the findings. Diseases that they name are no labels."""
    parts = []
    if dice.chance(0.45):
        known = sorted(case.labels) if dice.chance(0.35) and case.labels else sorted(FINDINGS)
        nouns = FINDINGS[dice.pick(known)].nouns
        history = ". " + dice.pick(_HISTORY).format(dice.pick(nouns)) if nouns and dice.chance(0.7) else ""
        parts.append(expand(f"[Indication|Clinical history|History]: {case.reason}{history}", dice))
    if dice.chance(0.3):
        parts.append(expand("[CT abdomen and pelvis with contrast|Contrast-enhanced CT|CT of the abdomen]", dice))
    if dice.chance(0.2):
        parts.append(expand("[Compared with the prior CT|Comparison: prior study|No prior study]", dice))
    return " ".join(parts)


Style = Callable[[Case, list[Sentence], Dice], tuple[list[Sentence], str]]


def _prose(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose, from the diaphragm to the pelvis."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    return ordered, _join(_opening(case, dice), ordered)


def _rotated(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose that starts with another organ."""
    organs = list(ORGANS)
    cut = dice.whole(4, 16)
    ordered = _by_organ(sentences, [*organs[cut:], *organs[:cut]], dice)
    return ordered, _join(_opening(case, dice), ordered)


def _positives_first(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose with abnormal findings first."""
    abnormal = [sentence for sentence in sentences if sentence.labels or dice.chance(0.15)]
    normal = [sentence for sentence in sentences if sentence not in abnormal]
    organs = list(ORGANS)
    ordered = [*_by_organ(abnormal, dice.shuffled(organs), dice), *_by_organ(normal, organs, dice)]
    return ordered, _join(_opening(case, dice), ordered)


def _headed(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """A structured report with a heading for each organ."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    capitals = dice.chance(0.5)
    parts = [_opening(case, dice)]
    for number, sentence in enumerate(ordered):
        if number == 0 or ordered[number - 1].organ != sentence.organ:
            heading = dice.pick(ORGANS[sentence.organ])
            parts.append(f"{heading.upper() if capitals else heading}:")
        parts.append(sentence.text)
    return ordered, " ".join(part for part in parts if part)


def _telegram(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Notes without articles and verbs, some with abbreviations."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    text = " ".join(_shorten(sentence.text) for sentence in ordered)
    return ordered, _abbreviate(text) if dice.chance(0.5) else text


_STYLES: dict[Style, float] = {_prose: 0.32, _rotated: 0.14, _positives_first: 0.16, _headed: 0.22, _telegram: 0.16}

_ABBREVIATIONS = {
    "common bile duct": "CBD",
    "gallbladder": "GB",
    "inferior vena cava": "IVC",
    "without": "w/o",
    "bilateral": "bilat",
    "ureterovesical junction": "UVJ",
    "status post": "s/p",
}


def _abbreviate(text: str) -> str:
    for long, short in _ABBREVIATIONS.items():
        text = re.sub(rf"\b{long}\b", short, text, flags=re.IGNORECASE)
    return text


def _shorten(sentence: str) -> str:
    text = re.sub(r"^(There is|Note is made of|Again seen is) ", "", sentence)
    text = re.sub(r"^(A|An) |\b(the|The) ", "", text)
    text = re.sub(r" (is|are) (seen|noted|present|identified|visualized)\b", "", text)
    text = re.sub(r" (is|are|has been|have been) (?!no\b|not\b)", " ", text)
    return text[:1].upper() + text[1:]


def _by_organ(sentences: list[Sentence], organs: list[str], dice: Dice) -> list[Sentence]:
    return [s for organ in organs for s in dice.shuffled([s for s in sentences if s.organ == organ])]


def _join(opening: str, sentences: list[Sentence]) -> str:
    return " ".join([*([opening] if opening else []), *(sentence.text for sentence in sentences)])


def _shares(label: str, spellings: dict[str, float]) -> dict[str, float]:
    shares = {spelling: share * SPELLING_SCALE for spelling, share in spellings.items()}
    return {label: 1 - sum(shares.values()), **shares}


def _spell(label: str, sentence: Sentence, dice: Dice) -> str:
    """The label in an annotator's spelling, sometimes in the words of the report or with a hedge."""
    spellings = FINDINGS[label].spellings
    echoed = [spelling for spelling in spellings if spelling.lower() in sentence.text.lower()]
    written = dice.pick(echoed) if echoed and dice.chance(0.05) else dice.weighted(_shares(label, spellings))
    doubt = dice.pick((" (possible)", " (probable)")) if sentence.hedged and dice.chance(0.35) else ""
    return _cased(written, dice) + doubt


def _cased(label: str, dice: Dice) -> str:
    if dice.chance(0.05):
        return label.lower()
    return label.title() if dice.chance(0.02) else label
