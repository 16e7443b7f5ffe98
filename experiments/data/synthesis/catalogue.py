"""All findings and remarks of the study, with a check of their references."""

from . import gastrointestinal, hepatobiliary, other_organs, urogenital
from .finding import Compound, Finding, Remark

_PARTS = (other_organs, hepatobiliary, urogenital, gastrointestinal)

FINDINGS: dict[str, Finding] = {finding.label: finding for part in _PARTS for finding in part.FINDINGS}
COMPOUNDS: tuple[Compound, ...] = tuple(compound for part in _PARTS for compound in part.COMPOUNDS)
REMARKS: tuple[Remark, ...] = tuple(remark for part in _PARTS for remark in part.REMARKS)

NORMAL = "No significant abnormality"
NORMAL_SPELLINGS = {"Normal study": 0.08}

# Section headings of a structured report, in the usual order.
ORGANS: dict[str, tuple[str, ...]] = {
    "lungs": ("Lung bases", "Lower chest"),
    "liver": ("Liver",),
    "ducts": ("Bile ducts", "Biliary tree"),
    "gallbladder": ("Gallbladder",),
    "pancreas": ("Pancreas",),
    "spleen": ("Spleen",),
    "adrenals": ("Adrenals", "Adrenal glands"),
    "kidneys": ("Kidneys",),
    "ureters": ("Ureters",),
    "bladder": ("Urinary bladder", "Bladder"),
    "prostate": ("Prostate",),
    "uterus": ("Uterus",),
    "adnexa": ("Adnexa", "Ovaries"),
    "stomach": ("Stomach", "Upper GI tract"),
    "bowel": ("Bowel", "Bowel loops"),
    "appendix": ("Appendix",),
    "peritoneum": ("Peritoneum", "Mesentery and peritoneum"),
    "nodes": ("Lymph nodes", "Nodes"),
    "vessels": ("Vessels", "Vasculature"),
    "wall": ("Abdominal wall", "Soft tissues"),
    "bones": ("Bones", "Osseous structures"),
}

# Findings that can have resolved at the next scan.
PASSING = frozenset(
    {
        "Appendicitis",
        "Ascites",
        "Atelectasis",
        "Bowel obstruction",
        "Cholecystitis",
        "Colitis",
        "Cystitis",
        "Diverticulitis",
        "Hydronephrosis",
        "Kidney stone",
        "Lymphadenopathy",
        "Ovarian cyst",
        "Pancreatitis",
        "Pleural effusion",
        "Pneumoperitoneum",
        "Pyelonephritis",
        "Ureteral stone",
    }
)

MALE_ONLY = frozenset({"prostate"})
FEMALE_ONLY = frozenset({"uterus", "adnexa"})


def _check() -> None:
    known = set(FINDINGS)
    used = [*(c.labels for c in COMPOUNDS), *(r.contradicts for r in REMARKS)]
    unknown = {label for labels in used for label in labels} - known
    items: list[Finding | Compound | Remark] = [*FINDINGS.values(), *COMPOUNDS, *REMARKS]
    unknown_organs = {item.organ for item in items} - set(ORGANS)
    if unknown or unknown_organs:
        raise ValueError(
            f"the catalogue has unknown labels {sorted(unknown)} or unknown organs {sorted(unknown_organs)}"
        )


_check()
