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
HEDGES = (
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


Mention = tuple[str, str]
"""A label and how a sentence mentions it: named, described, hedged, negated, resolved, historical or questioned."""

# Words of the catalogue's remarks that mention a label as past. Remarks that name a label without them negate it.
_PAST = re.compile(r"resol|no longer|has passed|status post|prior|previously", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """A sentence of a report, its labels, whether they are hedged, and how it mentions labels."""

    organ: str
    text: str
    labels: tuple[str, ...] = ()
    hedged: bool = False
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True)
class Report:
    """The text, its labels in the order of mention (in an annotator's spelling and in the canonical one), the sentence
    that states each label, and every mention of a label with its sentence."""

    text: str
    labels: tuple[str, ...]
    canonical: tuple[str, ...]
    evidence: tuple[str, ...]
    mentions: tuple[tuple[str, str, str], ...]


def dictate(case: Case, dice: Dice) -> Report:
    """A report of 80 to 200 words with every label of the case."""
    while True:
        findings = _say_findings(case, dice)
        remarks = say_remarks(case, findings, dice, dice.between(74, 122) + dice.between(0, 46))
        ordered, text = compose(case, [*findings, *remarks], dice)
        if WORDS[0] <= len(text.split()) <= WORDS[1]:
            break
    mentions = tuple(
        (*mention, as_written(sentence.text, text)) for sentence in ordered for mention in sentence.mentions
    )
    if not case.labels:
        normal = _cased(dice.weighted(_shares(NORMAL, NORMAL_SPELLINGS)), dice)
        return Report(text, (normal,), (NORMAL,), ("",), mentions)
    mentioned = [(label, sentence) for sentence in ordered for label in sentence.labels]
    return Report(
        text,
        tuple(_spell(*one, dice) for one in mentioned),
        tuple(label for label, _ in mentioned),
        tuple(as_written(sentence.text, text) for _, sentence in mentioned),
        mentions,
    )


def as_written(sentence: str, text: str) -> str:
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
            text = expand(dice.pick(compound.phrases), dice)
            mentions = tuple((label, "named" if _names(text, label) else "described") for label in compound.labels)
            sentences.append(Sentence(compound.organ, text, compound.labels, mentions=mentions))
            rest -= set(compound.labels)
    for label in dice.shuffled(sorted(rest)):
        finding = FINDINGS[label]
        hedged = bool(finding.nouns) and dice.chance(HEDGE_SHARE)
        named = not finding.described or dice.chance(NAMED_SHARE)
        if hedged:
            template = dice.pick(HEDGES).format(dice.pick(finding.nouns))
        else:
            template = dice.pick(finding.named if named else finding.described)
        status = "hedged" if hedged else "named" if template in finding.named else "described"
        sentences.append(Sentence(finding.organ, expand(template, dice), (label,), hedged, ((label, status),)))
    return sentences


def say_remarks(
    case: Case,
    findings: list[Sentence],
    dice: Dice,
    wanted: float,
    denial_share: float = DENIAL_SHARE,
    repeat: bool = False,
    author: str = "",
) -> list[Sentence]:
    """Normal sentences and distractors, up to `wanted` words of a report. No two sentences have the same topic, unless
    topics may `repeat`. An `author` has one phrase for each remark."""
    absent_organs = MALE_ONLY if case.female else FEMALE_ONLY
    words = sum(len(sentence.text.split()) for sentence in findings) + 12
    taken: set[str] = set(case.labels)
    counts: dict[str, int] = {}
    sentences = []
    denied = {remark: mention for remark, mention in _denials(dice, denial_share)}
    for remark in dice.shuffled([*REMARKS, *denied]):
        topics = {*remark.contradicts, *(label for organ in remark.covers for label in _labels_of(organ))}
        full = counts.get(remark.organ, 0) >= (8 if repeat else 3) or any(
            counts.get(organ, 0) for organ in remark.covers
        )
        if words >= wanted or full or topics & taken or remark.organ in absent_organs:
            continue
        if not topics and not dice.chance(BYSTANDER_SHARE):
            continue
        words_of_author = Dice(f"{author} {remark.phrases}") if author else dice
        text = expand(words_of_author.pick(remark.phrases), words_of_author)
        mentions = (denied[remark],) if remark in denied else _mentioned(text, remark)
        sentence = Sentence(remark.organ, text, mentions=mentions)
        sentences.append(sentence)
        words += len(sentence.text.split())
        taken |= set() if repeat else topics
        for organ in (remark.organ, *remark.covers):
            counts[organ] = counts.get(organ, 0) + (1 if organ == remark.organ else 3)
    return sentences


def _names(text: str, label: str) -> bool:
    """Whether a sentence has all words of a name of a label: "No pancreatic cyst or duct dilatation" names both."""
    finding = FINDINGS[label]
    words = words_of(text)
    return any(words_of(name) <= words for name in (label, *finding.nouns, *finding.spellings))


def words_of(text: str) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"\w+", text.lower())}


def _mentioned(text: str, remark: Remark) -> tuple[Mention, ...]:
    """The labels that a remark names, and how."""
    status = "resolved" if _PAST.search(text) else "negated"
    return tuple((label, status) for label in remark.contradicts if _names(text, label))


def _denials(dice: Dice, share: float) -> Iterable[tuple[Remark, Mention]]:
    """Sentences in which a label is negated or resolved."""
    for label, finding in FINDINGS.items():
        if finding.nouns and dice.chance(share):
            templates = _RESOLVED if label in PASSING and dice.chance(0.5) else _DENIALS
            template = dice.pick(templates)
            remark = Remark(finding.organ, (template.format(dice.pick(finding.nouns)),), (label,))
            yield remark, (label, "resolved" if templates is _RESOLVED else "negated")


def _labels_of(organ: str) -> list[str]:
    return [label for label, finding in FINDINGS.items() if finding.organ == organ]


def _opening(case: Case, dice: Dice) -> tuple[str, list[Sentence]]:
    """The lines before the findings, and the sentence that names a disease, which is no label."""
    parts = []
    named: list[Sentence] = []
    if dice.chance(0.45):
        known = sorted(case.labels) if dice.chance(0.35) and case.labels else sorted(FINDINGS)
        label = dice.pick(known)
        nouns = FINDINGS[label].nouns
        history = ""
        if nouns and dice.chance(0.7):
            template = dice.pick(_HISTORY)
            history = ". " + template.format(dice.pick(nouns))
        text = expand(f"[Indication|Clinical history|History]: {case.reason}{history}", dice)
        if history:
            status = "historical" if template == _HISTORY[0] else "questioned"
            named.append(Sentence("", text.split(". ", 1)[1], mentions=((label, status),)))
        parts.append(text)
    if dice.chance(0.3):
        parts.append(expand("[CT abdomen and pelvis with contrast|Contrast-enhanced CT|CT of the abdomen]", dice))
    if dice.chance(0.2):
        parts.append(expand("[Compared with the prior CT|Comparison: prior study|No prior study]", dice))
    return " ".join(parts), named


Style = Callable[[Case, list[Sentence], Dice], tuple[list[Sentence], str]]
"""Sentences that mention labels, in the order of the report, and the text of the report."""


def _prose(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose, from the diaphragm to the pelvis."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    opening, named = _opening(case, dice)
    return [*named, *ordered], _join(opening, ordered)


def _rotated(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose that starts with another organ."""
    organs = list(ORGANS)
    cut = dice.whole(4, 16)
    ordered = _by_organ(sentences, [*organs[cut:], *organs[:cut]], dice)
    opening, named = _opening(case, dice)
    return [*named, *ordered], _join(opening, ordered)


def _positives_first(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Prose with abnormal findings first."""
    abnormal = [sentence for sentence in sentences if sentence.labels or dice.chance(0.15)]
    normal = [sentence for sentence in sentences if sentence not in abnormal]
    organs = list(ORGANS)
    ordered = [*_by_organ(abnormal, dice.shuffled(organs), dice), *_by_organ(normal, organs, dice)]
    opening, named = _opening(case, dice)
    return [*named, *ordered], _join(opening, ordered)


def _headed(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """A structured report with a heading for each organ."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    capitals = dice.chance(0.5)
    opening, named = _opening(case, dice)
    parts = [opening]
    for number, sentence in enumerate(ordered):
        if number == 0 or ordered[number - 1].organ != sentence.organ:
            heading = dice.pick(ORGANS[sentence.organ])
            parts.append(f"{heading.upper() if capitals else heading}:")
        parts.append(sentence.text)
    return [*named, *ordered], " ".join(part for part in parts if part)


def _telegram(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """Notes without articles and verbs, some with abbreviations."""
    ordered = _by_organ(sentences, list(ORGANS), dice)
    text = " ".join(_shorten(sentence.text) for sentence in ordered)
    return ordered, _abbreviate(text) if dice.chance(0.5) else text


_STYLES: dict[Style, float] = {_prose: 0.32, _rotated: 0.14, _positives_first: 0.16, _headed: 0.22, _telegram: 0.16}


def compose(case: Case, sentences: list[Sentence], dice: Dice) -> tuple[list[Sentence], str]:
    """The report in a drawn style: its sentences that mention labels, in their order, and its text."""
    return dice.weighted(_STYLES)(case, sentences, dice)


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
