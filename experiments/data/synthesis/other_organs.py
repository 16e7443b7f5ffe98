"""Lung bases, lymph nodes, vessels, abdominal wall and bones."""

from .finding import Compound, Finding, Remark

FINDINGS = (
    Finding(
        "Pleural effusion",
        "lungs",
        (
            "[Small|Trace|Moderate|Large] [{side}|bilateral|{side}-sided] pleural [effusion|effusions]",
            "{there} [a small|a moderate|a trace] {side} pleural effusion",
        ),
        (
            "Layering fluid in the [{side} costophrenic sulcus|posterior {side} hemithorax]",
            "[Small|Moderate] amount of fluid in the [{side}|dependent {side}] pleural space",
        ),
        ("pleural effusion",),
        {"Pleural effusions": 0.06},
    ),
    Finding(
        "Atelectasis",
        "lungs",
        (
            "[Bibasilar|{side} basilar|Dependent|Linear] atelectasis",
            "{there} {mild} [bibasilar|dependent|{side} lower lobe] atelectasis",
        ),
        ("[Linear|Plate-like] opacities at the [{side} lung base|lung bases] with volume loss",),
        ("atelectasis",),
        {"Bibasilar atelectasis": 0.08},
    ),
    Finding(
        "Lung nodule",
        "lungs",
        (
            "{there} a {mm 3-9} [pulmonary nodule|lung nodule|nodule] in the {side} lower lobe",
            "[Pulmonary|Lung] nodule of {mm 3-9} at the {side} base",
        ),
        ("A {mm 3-9} rounded solid opacity at the {side} lung base",),
        ("pulmonary nodule",),
        {"Pulmonary nodule": 0.12},
    ),
    Finding(
        "Lymphadenopathy",
        "nodes",
        (
            "[Retroperitoneal|Mesenteric|Portacaval|Para-aortic|Bulky retroperitoneal] [lymphadenopathy|adenopathy]",
            "[Enlarged|Pathologically enlarged] [para-aortic|retroperitoneal|mesenteric] lymph nodes up to {mm 14-34}",
        ),
        ("[Para-aortic|Portacaval|Mesenteric|Iliac] nodes [measure|reach] {mm 14-34} in short axis",),
        ("lymphadenopathy", "adenopathy"),
        {"Enlarged lymph nodes": 0.06, "Adenopathy": 0.04},
    ),
    Finding(
        "Atherosclerosis",
        "vessels",
        (
            "[Aortic atherosclerosis|Aortoiliac atherosclerosis|Atherosclerotic calcification of the aorta]",
            "[Mild|Moderate|Severe|Scattered] [atherosclerosis|atherosclerotic disease|atherosclerotic plaque]",
        ),
        (
            "[Calcified plaque|Mural calcification] [of|along] the [aorta and iliac arteries|abdominal aorta]",
            "Calcified and noncalcified plaque of the [abdominal aorta|aorta and its branches]",
        ),
        ("atherosclerosis",),
        {"Aortic atherosclerosis": 0.07, "Atherosclerotic disease": 0.03},
    ),
    Finding(
        "Abdominal aortic aneurysm",
        "vessels",
        (
            "{there} [an infrarenal abdominal aortic aneurysm|an aortic aneurysm] of {cm 3.2-5.6}",
            "[Infrarenal aortic|Abdominal aortic] aneurysm, {cm 3.2-5.6}",
        ),
        (
            "The [infrarenal|abdominal] aorta [measures|is] {cm 3.2-5.6}",
            "Infrarenal aorta {cm 3.2-5.6} in [caliber|diameter]",
        ),
        ("aortic aneurysm", "abdominal aortic aneurysm"),
        {"Aortic aneurysm": 0.08, "AAA": 0.06},
    ),
    Finding(
        "Inguinal hernia",
        "wall",
        (
            "{there} a [{side}|fat-containing {side}] inguinal hernia",
            "[Small|Fat-containing] [{side}|bilateral] inguinal [hernia|hernias]",
        ),
        ("Fat [protrudes|extends] through the {side} [inguinal canal|deep inguinal ring]",),
        ("inguinal hernia",),
        {"Inguinal hernias": 0.07},
    ),
    Finding(
        "Umbilical hernia",
        "wall",
        (
            "{there} a [small|fat-containing|small fat-containing] umbilical hernia",
            "[Small|Fat-containing] [umbilical|periumbilical] hernia",
        ),
        ("Fat [protrudes|extends] through a {mm 8-26} defect at the umbilicus",),
        ("umbilical hernia",),
    ),
    Finding(
        "Spondylosis",
        "bones",
        (
            "[Degenerative changes|Degenerative change|Multilevel degenerative changes] of the [lumbar spine|spine]",
            "[Lumbar|Thoracolumbar|Multilevel] spondylosis",
            "{mild} degenerative [disc disease|changes] of the [lumbar|thoracolumbar] spine",
        ),
        (
            "[Endplate osteophytes|Disc space narrowing and osteophytes] at "
            "[several|multiple] [lumbar|thoracolumbar] levels",
        ),
        ("spondylosis", "degenerative change"),
        {"Degenerative changes of spine": 0.1, "Degenerative spine disease": 0.04},
    ),
    Finding(
        "Compression fracture",
        "bones",
        ("[Chronic|Old|Acute|] {level} compression fracture",),
        ("The {level} vertebral body has lost {int 25-60} percent of its [anterior|] height",),
        ("compression fracture",),
        {"Vertebral compression fracture": 0.15},
    ),
    Finding(
        "Bone metastasis",
        "bones",
        ("[Osseous|Bone] metastases [are {seen}|in the spine and pelvis]",),
        (
            "[Multiple|Scattered] [lytic|sclerotic] lesions in the [pelvis and "
            "spine|vertebral bodies], new since the prior",
        ),
        ("bone metastases", "osseous metastasis"),
        {"Bone metastases": 0.2},
    ),
)

COMPOUNDS = (
    Compound(
        ("Pleural effusion", "Atelectasis"),
        "lungs",
        (
            "[Small|Moderate] {side} pleural effusion with [adjacent|compressive|overlying] atelectasis",
            "[Bilateral|{side}] effusion and [passive|basilar] atelectasis",
        ),
    ),
    Compound(
        ("Atherosclerosis", "Abdominal aortic aneurysm"),
        "vessels",
        (
            "[Atherosclerotic|Heavily calcified] infrarenal aorta, aneurysmal at {cm 3.3-5.4}",
            "Atherosclerotic aorta, widened to {cm 3.3-5.4} below the renal arteries",
        ),
    ),
    Compound(
        ("Umbilical hernia", "Inguinal hernia"),
        "wall",
        ("Fat-containing umbilical and {side} inguinal hernias",),
    ),
    Compound(
        ("Inguinal hernia", "Umbilical hernia"),
        "wall",
        ("{side} inguinal and small umbilical hernias",),
    ),
)

REMARKS = (
    Remark(
        "lungs",
        (
            "No pleural [or pericardial |]effusion",
            "The pleural spaces are [clear|free of fluid]",
            "The previously seen {side} pleural effusion has resolved",
            "Interval resolution of the pleural effusions",
        ),
        ("Pleural effusion",),
    ),
    Remark(
        "lungs",
        (
            "[The visualized lung bases|Lung bases] are [clear|unremarkable]",
            "No [consolidation|basilar consolidation], atelectasis or nodule",
            "No [pulmonary nodule|lung nodule] at the bases",
        ),
        ("Atelectasis", "Lung nodule"),
    ),
    Remark("lungs", ("The heart is [normal in size|not enlarged]", "Heart size is normal")),
    Remark(
        "nodes",
        (
            "No [lymphadenopathy|adenopathy|retroperitoneal lymphadenopathy|enlarged lymph nodes]",
            "No pathologically enlarged [mesenteric|retroperitoneal|pelvic] lymph nodes",
            "[Para-aortic|Mesenteric|Inguinal] nodes [measure|reach] {mm 4-8} in short axis, not enlarged",
            "The adenopathy of the prior study has resolved",
        ),
        ("Lymphadenopathy",),
    ),
    Remark(
        "vessels",
        (
            "[The abdominal aorta is|Aorta] [normal in caliber|of normal caliber]",
            "The [infrarenal|abdominal] aorta [measures|is] {cm 1.6-2.3}",
            "Infrarenal aorta {cm 1.6-2.3} in [caliber|diameter]",
            "No aortic aneurysm[ or dissection|]",
        ),
        ("Abdominal aortic aneurysm",),
    ),
    Remark(
        "vessels",
        (
            "No [aortic atherosclerosis|vascular calcification|atherosclerotic plaque]",
            "The aorta and iliac arteries are [smooth|without plaque]",
        ),
        ("Atherosclerosis",),
    ),
    Remark(
        "vessels",
        (
            "The [inferior vena cava|IVC] is [patent|unremarkable]",
            "An IVC filter is in place",
            "Circumaortic left renal vein, a normal variant",
        ),
    ),
    Remark(
        "wall",
        (
            "No [abdominal wall|inguinal|inguinal or umbilical] hernia",
            "The abdominal wall is [intact|unremarkable]",
            "Prior {side} inguinal hernia repair with mesh, no recurrence",
            "Status post umbilical hernia repair",
        ),
        ("Inguinal hernia", "Umbilical hernia"),
    ),
    Remark("wall", ("Injection granulomas in the gluteal fat", "A midline surgical scar")),
    Remark(
        "bones",
        (
            "No [acute osseous abnormality|suspicious osseous lesion|fracture|aggressive bone lesion]",
            "[The bones are|Bones] unremarkable",
            "Vertebral body heights are maintained",
        ),
        ("Compression fracture", "Bone metastasis", "Spondylosis"),
    ),
    Remark(
        "bones",
        (
            "No degenerative change of the spine",
            "Disc spaces are [preserved|maintained]",
            "No spondylosis",
        ),
        ("Spondylosis",),
    ),
    Remark("bones", ("A bone island in the {side} iliac wing", "{side} hip prosthesis with streak artifact")),
)
