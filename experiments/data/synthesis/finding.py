"""What the catalogue is made of."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """A label and the ways in which a report says it.

    `named` templates hold the label or a synonym; `described` ones only what is seen, so that the label must be
    inferred. `nouns` are used for negations, hedges and history. `spellings` are other ways to write the label in the
    gold column, with their shares; the canonical name takes the rest.
    """

    label: str
    organ: str
    named: tuple[str, ...]
    described: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    spellings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Compound:
    """One sentence that holds several labels, in this order, in the section of the first."""

    labels: tuple[str, ...]
    organ: str
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Remark:
    """A sentence without a label: a normal finding, a variant, surgery in the past, something resolved.

    It is never used together with a label that it `contradicts`; it may speak for further organs (`covers`).
    """

    organ: str
    phrases: tuple[str, ...]
    contradicts: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
