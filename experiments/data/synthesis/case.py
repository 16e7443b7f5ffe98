"""The findings of a patient: a clinical picture with its typical findings, and incidental findings."""

from dataclasses import dataclass

from .catalogue import FEMALE_ONLY, FINDINGS, MALE_ONLY
from .grammar import Dice


@dataclass(frozen=True)
class Picture:
    """A clinical picture: its share of the cases, the probability of each finding, reasons for the scan, and the sex if
    it is fixed."""

    share: float
    chances: dict[str, float]
    reasons: tuple[str, ...]
    female: bool | None = None


PICTURES: tuple[Picture, ...] = (
    Picture(0.30, {}, ("abdominal pain", "weight loss", "follow-up", "nonspecific abdominal discomfort")),
    Picture(
        0.12,
        {"Ureteral stone": 0.72, "Hydronephrosis": 0.62, "Kidney stone": 0.55, "Renal cyst": 0.2},
        ("flank pain", "hematuria", "renal colic"),
    ),
    Picture(
        0.11,
        {
            "Gallstone": 0.85,
            "Cholecystitis": 0.3,
            "Biliary dilatation": 0.25,
            "Choledocholithiasis": 0.12,
            "Pancreatitis": 0.1,
            "Fatty liver": 0.3,
        },
        ("right upper quadrant pain", "postprandial pain", "jaundice"),
    ),
    Picture(
        0.08,
        {
            "Cirrhosis": 0.75,
            "Splenomegaly": 0.65,
            "Ascites": 0.5,
            "Esophageal varices": 0.34,
            "Pleural effusion": 0.2,
            "Gallstone": 0.22,
            "Lymphadenopathy": 0.1,
        },
        ("chronic liver disease", "abdominal distension", "abnormal liver tests"),
    ),
    Picture(
        0.12,
        {
            "Fatty liver": 0.72,
            "Hepatomegaly": 0.4,
            "Gallstone": 0.22,
            "Adrenal adenoma": 0.12,
            "Umbilical hernia": 0.2,
            "Hiatal hernia": 0.12,
        },
        ("obesity", "abnormal liver tests", "metabolic syndrome"),
    ),
    Picture(
        0.14,
        {
            "Atherosclerosis": 0.75,
            "Abdominal aortic aneurysm": 0.2,
            "Renal cyst": 0.45,
            "Prostatomegaly": 0.5,
            "Diverticulosis": 0.45,
            "Spondylosis": 0.4,
            "Renal atrophy": 0.1,
            "Hiatal hernia": 0.15,
            "Inguinal hernia": 0.15,
            "Compression fracture": 0.06,
        },
        ("pulsatile abdominal mass", "routine follow-up", "back pain"),
    ),
    Picture(
        0.07,
        {
            "Liver metastasis": 0.5,
            "Lymphadenopathy": 0.6,
            "Bone metastasis": 0.22,
            "Lung nodule": 0.35,
            "Pleural effusion": 0.3,
            "Ascites": 0.25,
            "Pancreatic mass": 0.12,
            "Colon mass": 0.14,
            "Renal mass": 0.1,
        },
        ("known malignancy, restaging", "weight loss", "palpable mass"),
    ),
    Picture(
        0.04,
        {"Lymphadenopathy": 0.85, "Splenomegaly": 0.6, "Hepatomegaly": 0.3, "Pleural effusion": 0.15},
        ("lymphoma, follow-up", "night sweats"),
    ),
    Picture(
        0.05,
        {"Pancreatitis": 0.7, "Pleural effusion": 0.4, "Atelectasis": 0.3, "Ascites": 0.25, "Pancreatic cyst": 0.15},
        ("epigastric pain", "elevated lipase"),
    ),
    Picture(
        0.08,
        {"Diverticulosis": 0.75, "Diverticulitis": 0.45, "Colitis": 0.1, "Constipation": 0.12},
        ("left lower quadrant pain", "change in bowel habit"),
    ),
    Picture(0.05, {"Appendicitis": 0.75, "Ovarian cyst": 0.08}, ("right lower quadrant pain", "fever and pain")),
    Picture(
        0.05,
        {
            "Bowel obstruction": 0.65,
            "Umbilical hernia": 0.2,
            "Inguinal hernia": 0.25,
            "Ascites": 0.2,
            "Constipation": 0.1,
        },
        ("vomiting", "abdominal distension"),
    ),
    Picture(
        0.05,
        {"Pyelonephritis": 0.5, "Cystitis": 0.5, "Hydronephrosis": 0.35, "Kidney stone": 0.25, "Bladder stone": 0.12},
        ("fever and dysuria", "urinary tract infection"),
    ),
    Picture(
        0.08,
        {"Uterine fibroid": 0.55, "Ovarian cyst": 0.5, "Cystitis": 0.05},
        ("pelvic pain", "abnormal bleeding"),
        female=True,
    ),
    Picture(
        0.05,
        {"Pleural effusion": 0.7, "Atelectasis": 0.55, "Ascites": 0.25, "Hepatomegaly": 0.15, "Atherosclerosis": 0.3},
        ("shortness of breath", "heart failure"),
    ),
)

# Probabilities of incidental findings. They are multiplied by 0.5 to 1.5, for the age of the patient.
BACKGROUND: dict[str, float] = {
    "Renal cyst": 0.24,
    "Fatty liver": 0.17,
    "Diverticulosis": 0.15,
    "Gallstone": 0.11,
    "Kidney stone": 0.11,
    "Liver cyst": 0.17,
    "Atherosclerosis": 0.13,
    "Prostatomegaly": 0.16,
    "Spondylosis": 0.1,
    "Hiatal hernia": 0.08,
    "Atelectasis": 0.025,
    "Hepatic hemangioma": 0.04,
    "Adrenal adenoma": 0.035,
    "Uterine fibroid": 0.05,
    "Ovarian cyst": 0.04,
    "Inguinal hernia": 0.025,
    "Umbilical hernia": 0.025,
    "Pancreatic cyst": 0.022,
    "Lung nodule": 0.02,
    "Splenomegaly": 0.02,
    "Lymphadenopathy": 0.01,
    "Pleural effusion": 0.01,
    "Biliary dilatation": 0.012,
    "Adrenal hyperplasia": 0.018,
    "Renal atrophy": 0.012,
    "Angiomyolipoma": 0.014,
    "Renal mass": 0.008,
    "Bladder stone": 0.008,
    "Pancreatic duct dilatation": 0.012,
    "Pancreatic mass": 0.004,
    "Compression fracture": 0.012,
    "Constipation": 0.012,
    "Choledocholithiasis": 0.004,
}

# Rare labels with an exact number of (training, test) cases. They are not drawn.
PLANTED: dict[str, tuple[int, int]] = {
    "Polycystic kidney disease": (5, 1),
    "Liver abscess": (5, 1),
    "Gallbladder polyp": (5, 1),
    "Mesenteric panniculitis": (5, 2),
    "Portal vein thrombosis": (5, 1),
    "Splenic cyst": (5, 2),
    "Adrenal calcification": (4, 1),
    "Pneumoperitoneum": (4, 1),
    "Peritoneal carcinomatosis": (4, 1),
    "Horseshoe kidney": (3, 1),
    "Meckel diverticulum": (0, 2),
    "Budd-Chiari syndrome": (0, 1),
    "Retroperitoneal fibrosis": (0, 1),
}

# Label -> label that it implies and that is therefore left out.
IMPLIED = {"Polycystic kidney disease": "Renal cyst", "Peritoneal carcinomatosis": "Mesenteric panniculitis"}

NORMAL_SHARE = 0.035
MAX_LABELS = 9


@dataclass(frozen=True)
class Case:
    """The labels of a patient (none for a normal study), the sex, and the reason for the scan."""

    labels: frozenset[str]
    female: bool
    reason: str


def draw_case(dice: Dice, planted: str | None = None) -> Case:
    """Draw a case. `planted` is a rare label that it must have."""
    picture = PICTURES[dice.weighted({index: picture.share for index, picture in enumerate(PICTURES)})]
    female = dice.chance(0.48) if picture.female is None else picture.female
    reason = dice.pick(picture.reasons)
    if planted is None and dice.chance(NORMAL_SHARE):
        return Case(frozenset(), female, reason)
    impossible = MALE_ONLY if female else FEMALE_ONLY
    labels: list[str] = []
    while not labels:
        age = dice.between(0.5, 1.5)
        for label, finding in FINDINGS.items():
            chance = max(picture.chances.get(label, 0), age * BACKGROUND.get(label, 0))
            if finding.organ not in impossible and dice.chance(chance):
                labels.append(label)
        labels += [planted] if planted else []
    implied = {IMPLIED[label] for label in labels if label in IMPLIED}
    kept = [label for label in dice.shuffled(labels) if label not in implied]
    return Case(frozenset(kept[:MAX_LABELS]), female, reason)
