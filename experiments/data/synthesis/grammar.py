"""Phrase templates: `[a|b]` is a choice, `{name}` a macro, a side or a measurement such as `{mm 4-9}`."""

import random
import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MACROS = {
    "seen": "[seen|noted|present|identified]",
    "there": "[There is|There is|Note is made of|Again seen is|]",
    "mild": "[mild|mild|moderate|minimal]",
    # Phrases that several organs share, so that only the context tells the organ.
    "cyst": "[rounded|well-circumscribed|thin-walled] [fluid-attenuation|low-attenuation] [lesion|structure]"
    " [without enhancement|that does not enhance]",
    "calcified": "[calcified|hyperdense|radiopaque] [focus|structure]",
    "thickening": "[diffuse|circumferential|marked|{mild}] [wall thickening|mural thickening]",
    "stranding": "[adjacent|surrounding] [fat stranding|inflammatory stranding|fat infiltration]",
    "pole": "[upper pole|lower pole|interpolar region]",
    "lobe": "[right hepatic lobe|left hepatic lobe|hepatic dome|right lobe|left lobe]",
    "level": "[L1|L2|L3|L4|T12|T11]",
}

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)(?: ([\d.]+)-([\d.]+))?\}")


class Dice:
    """Random draws from `Random.random` alone, the only method whose sequence Python guarantees."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, inclusive."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._random() * len(items))]

    def weighted(self, weights: dict[T, float]) -> T:
        point = self._random() * sum(weights.values())
        for item, weight in weights.items():
            point -= weight
            if point < 0:
                return item
        return item

    def shuffled(self, items: Sequence[T]) -> list[T]:
        rest = list(items)
        return [rest.pop(int(self._random() * len(rest))) for _ in items]


def expand(template: str, dice: Dice) -> str:
    """A sentence from a template: capitalised, with single spaces and one full stop. All its sides are the same."""
    side = dice.pick(("right", "left"))
    text = template
    while "{" in text or "[" in text:
        text = _SLOT.sub(lambda slot: _fill(slot, side, dice), text)
        text = _CHOICE.sub(lambda choice: dice.pick(choice[1].split("|")), text)
    text = re.sub(r"\s+", " ", text).strip(" .")
    text = re.sub(r" ([,;.])", r"\1", text)
    text = re.sub(r"\b([Aa]) (?=8|11 |18 |[aeio](?!ne\b)|u(?!ni|ret|ter))", r"\1n ", text)
    return text[:1].upper() + text[1:] + "."


def _fill(slot: re.Match[str], side: str, dice: Dice) -> str:
    name, low, high = slot[1], float(slot[2] or 0), float(slot[3] or 0)
    match name:
        case "side":
            return side
        case "other":
            return "left" if side == "right" else "right"
        case "int" | "hu":
            return str(dice.whole(int(low), int(high)))
        case "mm":
            millimetres = dice.whole(int(low), int(high))
            return f"{millimetres / 10:.1f} cm" if dice.chance(0.25) else f"{millimetres} mm"
        case "cm":
            return f"{dice.between(low, high):.1f} cm"
        case _:
            return MACROS[name]
