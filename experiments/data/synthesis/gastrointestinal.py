"""Stomach, bowel, appendix, mesentery and peritoneum."""

from .finding import Compound, Finding, Remark

FINDINGS = (
    Finding(
        "Hiatal hernia",
        "stomach",
        (
            "{there} a [small|moderate|large|] [hiatal hernia|hiatus hernia|sliding hiatal hernia]",
            "[Small|Moderate|Large] hiatal hernia",
        ),
        ("[Part of the stomach|The gastric fundus] lies above the diaphragm through a widened esophageal opening",),
        ("hiatal hernia",),
        {"Hiatus hernia": 0.08},
    ),
    Finding(
        "Esophageal varices",
        "stomach",
        ("[Esophageal|Gastroesophageal|Paraesophageal] varices[ are {seen}|]",),
        (
            "[Tortuous enhancing veins|Serpiginous collaterals] surround the "
            "[distal esophagus|gastroesophageal junction]",
        ),
        ("esophageal varices", "varices"),
        {"Varices": 0.1, "Oesophageal varices": 0.05},
    ),
    Finding(
        "Diverticulosis",
        "bowel",
        (
            "[Colonic|Sigmoid|Left colonic|Scattered colonic] [diverticulosis|diverticula]",
            "{there} [sigmoid|colonic|extensive sigmoid] diverticulosis[ without diverticulitis|]",
            "[Scattered|Numerous] diverticula [of|in] the [sigmoid|descending] colon[, without acute inflammation|]",
        ),
        (
            "[Multiple|Numerous] small [air-filled|gas-filled] outpouchings "
            "[of|arise from] the [sigmoid|descending] colon",
        ),
        ("diverticulosis", "colonic diverticula"),
        {"Colonic diverticulosis": 0.1},
    ),
    Finding(
        "Diverticulitis",
        "bowel",
        ("[Acute|Acute uncomplicated] [diverticulitis|sigmoid diverticulitis][ is {seen}|]",),
        ("{thickening} of the sigmoid colon about an inflamed outpouching, with {stranding}",),
        ("diverticulitis", "acute diverticulitis"),
        {"Acute diverticulitis": 0.12},
    ),
    Finding(
        "Colitis",
        "bowel",
        ("[Findings of colitis|Colitis of the ascending colon|Pancolitis]",),
        ("{thickening} of a long segment of the [ascending|transverse] colon with submucosal edema",),
        ("colitis",),
    ),
    Finding(
        "Bowel obstruction",
        "bowel",
        (
            "[Small bowel obstruction|Bowel obstruction] with a transition point in the [pelvis|right lower quadrant]",
            "[Findings of|High-grade] small bowel obstruction",
        ),
        (
            "Small bowel loops are dilated to {cm 3.4-4.8} with air-fluid levels "
            "and [collapsed distal loops|a caliber change]",
        ),
        ("bowel obstruction", "small bowel obstruction"),
        {"Small bowel obstruction": 0.12, "SBO": 0.04},
    ),
    Finding(
        "Constipation",
        "bowel",
        ("[Constipation|Findings of constipation]",),
        ("[Large|Abundant|Marked] stool burden throughout the colon",),
        ("constipation",),
        {"Fecal loading": 0.12},
    ),
    Finding(
        "Colon mass",
        "bowel",
        ("{there} a [colonic mass|cecal mass|mass in the sigmoid colon]",),
        ("A short-segment apple-core narrowing of the [sigmoid|ascending] colon with shouldering",),
        ("colonic mass",),
        {"Colonic mass": 0.1},
    ),
    Finding(
        "Meckel diverticulum",
        "bowel",
        ("{there} a Meckel diverticulum",),
        ("A blind-ending pouch arises from the antimesenteric border of the distal ileum",),
    ),
    Finding(
        "Appendicitis",
        "appendix",
        ("[Acute appendicitis|Findings of acute appendicitis|Acute uncomplicated appendicitis]",),
        (
            "The appendix is [dilated|distended] to {mm 9-15} with [a thick "
            "enhancing wall|an appendicolith] and {stranding}",
            "The appendix measures {mm 10-15} in diameter with {stranding}",
        ),
        ("appendicitis", "acute appendicitis"),
        {"Acute appendicitis": 0.15},
    ),
    Finding(
        "Mesenteric panniculitis",
        "peritoneum",
        ("[Mesenteric panniculitis|Changes of mesenteric panniculitis]",),
        ("Hazy increased density of the mesenteric root fat with small nodes and a fat halo",),
        ("mesenteric panniculitis",),
        {"Misty mesentery": 0.1},
    ),
    Finding(
        "Ascites",
        "peritoneum",
        (
            "[Small volume|Large volume|Moderate|Small amount of|Trace|Perihepatic] ascites[ is {seen}|]",
            "{there} [ascites|moderate ascites|a small amount of ascites]",
        ),
        (
            "[Free|Simple] fluid [is {seen} around the liver and spleen|in both paracolic gutters and the pelvis]",
            "[Small|Moderate|Large] amount of free [intraperitoneal|abdominal] fluid",
        ),
        ("ascites", "free fluid"),
        {"Abdominal ascites": 0.04},
    ),
    Finding(
        "Pneumoperitoneum",
        "peritoneum",
        ("Pneumoperitoneum[ is {seen}|]",),
        ("[Foci of|] free intraperitoneal gas beneath the [diaphragm|anterior abdominal wall]",),
        ("pneumoperitoneum", "free air"),
    ),
    Finding(
        "Peritoneal carcinomatosis",
        "peritoneum",
        ("[Peritoneal carcinomatosis|Peritoneal carcinomatosis is {seen}]",),
        ("Nodular thickening of the omentum and peritoneum with omental caking",),
        ("peritoneal carcinomatosis",),
        {"Peritoneal metastasis": 0.15},
    ),
)

COMPOUNDS = (
    Compound(
        ("Diverticulosis", "Diverticulitis"),
        "bowel",
        (
            "Sigmoid diverticula, one of them inflamed with {stranding}",
            "Diverticular disease with acute diverticulitis",
        ),
    ),
)

REMARKS = (
    Remark(
        "stomach",
        (
            "[The stomach is|Stomach] [unremarkable|normal|decompressed]",
            "Stomach and [duodenum|distal esophagus] without [wall thickening|abnormality]",
            "No [hiatal hernia|hiatal hernia or gastric wall thickening]",
        ),
        ("Hiatal hernia", "Esophageal varices"),
    ),
    Remark("stomach", ("No [esophageal|gastroesophageal] varices",), ("Esophageal varices",)),
    Remark(
        "stomach",
        ("Postoperative changes of gastric bypass", "Status post hiatal hernia repair"),
        ("Hiatal hernia",),
    ),
    Remark(
        "bowel",
        (
            "No [bowel obstruction|bowel dilatation|dilated loops of bowel]",
            "Small bowel loops are [normal in caliber|not dilated, up to {cm 1.8-2.4}]",
            "No small bowel obstruction",
        ),
        ("Bowel obstruction",),
    ),
    Remark(
        "bowel",
        (
            "No [diverticulosis|colonic diverticula|diverticulitis]",
            "The colon is [unremarkable|normal], without [diverticula|wall thickening]",
        ),
        ("Diverticulosis", "Diverticulitis", "Colitis", "Colon mass"),
    ),
    Remark(
        "bowel",
        (
            "No colonic wall thickening",
            "No [evidence of|] [colitis or diverticulitis|acute diverticulitis]",
            "No pericolonic stranding",
        ),
        ("Diverticulitis", "Colitis", "Colon mass"),
    ),
    Remark(
        "bowel",
        (
            "Prior [sigmoid resection for diverticulitis|right hemicolectomy] with an intact anastomosis",
            "The previously seen small bowel obstruction has resolved",
            "Diverticulitis of the prior study has resolved",
            "Lipomatous ileocecal valve, a normal variant",
        ),
        ("Diverticulitis", "Bowel obstruction", "Diverticulosis", "Colon mass"),
    ),
    Remark("bowel", ("[Normal|Average] stool burden", "Scattered stool in the colon"), ("Constipation",)),
    Remark(
        "appendix",
        (
            "[The appendix is|Appendix] [normal|unremarkable|not visualized, without secondary signs]",
            "The appendix measures {mm 4-6}[, without stranding|]",
            "No [evidence of|] [acute appendicitis|appendicitis]",
            "Status post appendectomy[ for appendicitis|]",
            "An appendicolith in a normal appendix of {mm 4-6}",
        ),
        ("Appendicitis",),
    ),
    Remark(
        "peritoneum",
        (
            "No [ascites|free fluid|free air or free fluid|ascites or pneumoperitoneum]",
            "No free intraperitoneal [fluid|gas or fluid]",
            "Interval resolution of the ascites",
            "The previously seen free fluid is no longer present",
        ),
        ("Ascites", "Pneumoperitoneum", "Peritoneal carcinomatosis"),
    ),
    Remark(
        "peritoneum",
        ("The mesentery is [unremarkable|clear]", "Mesenteric fat is normal in density", "No peritoneal nodularity"),
        ("Mesenteric panniculitis", "Peritoneal carcinomatosis"),
    ),
)
