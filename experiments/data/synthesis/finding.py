"""The entries of the catalogue."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """A label and its phrases in reports.

    `named` templates contain the label or a synonym. `described` templates contain only its signs, so that the label
    must be inferred. `nouns` are for negations, hedges and history. `spellings` are other spellings in the gold column,
    with their shares; the remaining share is that of the canonical name.
    """

    label: str
    organ: str
    named: tuple[str, ...]
    described: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    spellings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Compound:
    """A sentence with several labels, in this order, in the section of the first one."""

    labels: tuple[str, ...]
    organ: str
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Remark:
    """A sentence without a label: a normal finding, a variant, an earlier operation, a resolved finding.

    It is never used together with a label that it `contradicts`. It can also cover further organs (`covers`).
    """

    organ: str
    phrases: tuple[str, ...]
    contradicts: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
