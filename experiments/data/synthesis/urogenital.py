"""Adrenals, kidneys, ureters, bladder and pelvic organs."""

from .finding import Compound, Finding, Remark

FINDINGS = (
    Finding(
        "Adrenal adenoma",
        "adrenals",
        (
            "{there} a {mm 11-32} {side} adrenal [adenoma|adenoma, unchanged]",
            "[Lipid-rich adenoma|Adenoma] of the {side} adrenal gland, {mm 11-32}",
        ),
        (
            "A {mm 11-32} {side} adrenal nodule measures {hu 2-9} HU [on the unenhanced series|without contrast]",
            "The {side} adrenal gland holds a {mm 11-32} low-density nodule with over {int 62-80} percent washout",
        ),
        ("adrenal adenoma",),
        {"Adrenal adenomas": 0.06},
    ),
    Finding(
        "Adrenal hyperplasia",
        "adrenals",
        ("[Bilateral|Left|{side}] adrenal hyperplasia",),
        ("[Both adrenal glands are|The {side} adrenal gland is] diffusely thickened, limbs to {mm 11-15}, shape kept",),
        ("adrenal hyperplasia",),
        {"Adrenal thickening": 0.1},
    ),
    Finding(
        "Adrenal calcification",
        "adrenals",
        ("Calcification of the {side} adrenal gland",),
        ("A coarse {calcified} lies in the {side} adrenal gland",),
        ("adrenal calcification",),
    ),
    Finding(
        "Renal cyst",
        "kidneys",
        (
            "{there} a {mm 7-48} [simple cyst|cortical cyst|cyst|renal cyst] in the {pole} of the {side} kidney",
            "[Bilateral renal cysts|Bilateral simple renal cysts][, the largest {mm 14-52} on the {side}|]",
            "[Simple|Cortical|Exophytic] cyst of the {side} kidney, {mm 7-48}",
            "[A few|Several|Multiple] {side} renal cysts are {seen}",
        ),
        (
            "{there} a {mm 7-48} {cyst} in the {pole} of the {side} kidney",
            "The {pole} of the {side} kidney contains a {mm 7-48} {cyst}",
            "In the {side} kidney, a {cyst} of {mm 7-48} is {seen}",
        ),
        ("renal cyst", "renal cysts"),
        {"Renal cysts": 0.08, "Kidney cyst": 0.03, "Renal cortical cyst": 0.02},
    ),
    Finding(
        "Kidney stone",
        "kidneys",
        (
            "{there} a {mm 2-9} [nonobstructing stone|calculus|nonobstructing calculus|stone] in the {side} kidney",
            "[Bilateral|{side}] [nephrolithiasis|renal calculi|renal stones|kidney stones][ up to {mm 3-9}|]",
            "[Nonobstructing|Punctate] [renal calculus|kidney stone] on the {side}, {mm 2-8}",
        ),
        (
            "A {mm 2-9} {calcified} is {seen} in [a|the] [{pole}|lower pole|upper pole] calyx of the {side} kidney",
            "{there} a {mm 2-9} {calcified} in the {side} renal [calyx|collecting system|pelvis]",
        ),
        ("nephrolithiasis", "renal calculus", "kidney stone"),
        {"Kidney stones": 0.05, "Renal calculus": 0.05, "Nephrolithiasis": 0.04},
    ),
    Finding(
        "Hydronephrosis",
        "kidneys",
        (
            "{mild} [{side} hydronephrosis|hydronephrosis on the {side}|{side} hydroureteronephrosis]",
            "{there} {mild} {side} hydronephrosis",
        ),
        (
            "[The {side} renal collecting system|The {side} renal pelvis and calyces] [is|are] [{mild}ly |]dilated",
            "{mild} dilatation of the {side} [pelvicalyceal system|renal pelvis and calyces]",
        ),
        ("hydronephrosis",),
    ),
    Finding(
        "Renal atrophy",
        "kidneys",
        ("[Atrophic {side} kidney|{side} renal atrophy|The {side} kidney is atrophic]",),
        ("The {side} kidney is small, {cm 6.4-7.9}, with cortical thinning", "The {side} kidney measures {cm 6.4-7.9}"),
        ("renal atrophy",),
        {"Atrophic kidney": 0.12},
    ),
    Finding(
        "Angiomyolipoma",
        "kidneys",
        ("{there} a {mm 5-26} angiomyolipoma in the {side} kidney",),
        ("A {mm 5-26} fat-containing lesion is {seen} in the {pole} of the {side} kidney",),
        ("angiomyolipoma",),
        {"Renal angiomyolipoma": 0.15, "AML": 0.05},
    ),
    Finding(
        "Renal mass",
        "kidneys",
        ("{there} a {mm 18-62} [solid mass|enhancing renal mass|renal mass] in the {side} kidney",),
        ("A {mm 18-62} heterogeneously enhancing solid lesion arises from the {pole} of the {side} kidney",),
        ("renal mass",),
        {"Kidney mass": 0.1},
    ),
    Finding(
        "Pyelonephritis",
        "kidneys",
        ("[{side} pyelonephritis|Findings of {side} pyelonephritis]",),
        (
            "[Striated|Patchy wedge-shaped] areas of reduced enhancement in the "
            "{side} kidney with perinephric stranding",
        ),
        ("pyelonephritis",),
        {"Acute pyelonephritis": 0.12},
    ),
    Finding(
        "Polycystic kidney disease",
        "kidneys",
        ("Polycystic kidney disease",),
        ("Both kidneys are enlarged and replaced by innumerable cysts of all sizes",),
    ),
    Finding(
        "Horseshoe kidney",
        "kidneys",
        ("Horseshoe kidney",),
        ("The lower poles of both kidneys are joined across the midline by parenchyma",),
    ),
    Finding(
        "Ureteral stone",
        "ureters",
        (
            "{there} a {mm 3-9} [calculus|stone] in the [proximal|mid|distal] {side} ureter",
            "[Obstructing|Partially obstructing] {mm 3-9} [ureteral calculus|ureteral stone|stone] at the {side} UVJ",
            "{side} ureterolithiasis, {mm 3-9}",
        ),
        ("A {mm 3-9} {calcified} is {seen} within the [proximal|mid|distal] {side} ureter",),
        ("ureteral calculus", "ureteral stone"),
        {"Ureteral calculus": 0.06, "Ureter stone": 0.05, "Ureteric stone": 0.03},
    ),
    Finding(
        "Retroperitoneal fibrosis",
        "ureters",
        ("Retroperitoneal fibrosis[ is {seen}|]",),
        ("Confluent periaortic soft tissue draws both ureters medially",),
    ),
    Finding(
        "Cystitis",
        "bladder",
        ("[Findings of cystitis|Changes of cystitis are {seen}]",),
        (
            "The urinary bladder shows {thickening} with {stranding}",
            "Bladder {thickening} and mucosal enhancement",
        ),
        ("cystitis",),
    ),
    Finding(
        "Bladder stone",
        "bladder",
        ("{there} a {mm 7-26} [bladder stone|bladder calculus|stone in the urinary bladder]",),
        ("A {mm 7-26} dependent {calcified} lies in the urinary bladder",),
        ("bladder calculus", "bladder stone"),
        {"Bladder calculus": 0.12, "Bladder stones": 0.06},
    ),
    Finding(
        "Prostatomegaly",
        "prostate",
        (
            "[Prostatomegaly|Enlarged prostate|Prostatic enlargement is {seen}|Prostatomegaly is {seen}]",
            "The prostate is enlarged[, {cm 5.1-6.8}|, indenting the bladder base|]",
        ),
        (
            "The prostate [measures|spans] {cm 5.2-6.9} [in transverse dimension|across]",
            "The prostate gland has a volume of {int 46-98} mL",
        ),
        ("prostatomegaly", "prostatic enlargement"),
        {"Enlarged prostate": 0.08, "Prostatic hyperplasia": 0.04},
    ),
    Finding(
        "Uterine fibroid",
        "uterus",
        (
            "[A|A {mm 14-66}] [uterine fibroid|fibroid|leiomyoma] is {seen}",
            "[Fibroid uterus|Multiple uterine fibroids][, the largest {mm 22-70}|]",
        ),
        ("The uterus is lobulated by a {mm 18-66} well-defined enhancing mural mass[, partly calcified|]",),
        ("uterine fibroid", "fibroids"),
        {"Uterine fibroids": 0.1, "Uterine leiomyoma": 0.05},
    ),
    Finding(
        "Ovarian cyst",
        "adnexa",
        (
            "{there} a {mm 16-58} [{side} ovarian cyst|cyst of the {side} ovary|{side} adnexal cyst]",
            "{side} ovarian cyst, {mm 16-58}",
        ),
        (
            "{there} a {mm 16-58} {cyst} in the {side} [adnexa|ovary]",
            "The {side} [ovary|adnexa] contains a {mm 16-58} {cyst}",
        ),
        ("ovarian cyst", "adnexal cyst"),
        {"Ovarian cysts": 0.05, "Adnexal cyst": 0.06},
    ),
)

COMPOUNDS = (
    Compound(
        ("Hydronephrosis", "Ureteral stone"),
        "kidneys",
        (
            "{mild} {side} hydronephrosis due to a {mm 3-9} [calculus|stone] in the [distal|mid|proximal] ureter",
            "{side} hydroureteronephrosis down to a {mm 3-9} {calcified} at the ureterovesical junction",
        ),
    ),
    Compound(
        ("Ureteral stone", "Hydronephrosis"),
        "ureters",
        (
            "{there} a {mm 3-9} [calculus|stone|{calcified}] in the distal {side} ureter with upstream hydronephrosis",
            "A {mm 3-9} calculus at the {side} ureteropelvic junction dilates the collecting system",
        ),
    ),
    Compound(
        ("Renal cyst", "Kidney stone"),
        "kidneys",
        ("[Cysts|Simple cysts] and [nonobstructing stones|calculi] are {seen} in [both kidneys|the {side} kidney]",),
    ),
    Compound(
        ("Kidney stone", "Renal cyst"),
        "kidneys",
        ("{there} a {mm 2-8} calculus and a {mm 8-40} {cyst} in the {side} kidney",),
    ),
)

REMARKS = (
    Remark(
        "adrenals",
        (
            "[The adrenal glands are|Both adrenals are|Adrenals] [normal|unremarkable]",
            "No adrenal [nodule|mass|thickening|adenoma]",
            "Adrenal glands are thin, without nodule or calcification",
        ),
        ("Adrenal adenoma", "Adrenal hyperplasia", "Adrenal calcification"),
    ),
    Remark(
        "kidneys",
        (
            "No [hydronephrosis|nephrolithiasis|hydronephrosis or renal calculus] on either side",
            "No renal [calculus|stone] or hydronephrosis",
            "Collecting systems are not dilated; no [stone|calculus]",
        ),
        ("Hydronephrosis", "Kidney stone"),
    ),
    Remark(
        "kidneys",
        (
            "The kidneys enhance [symmetrically|normally and symmetrically]",
            "Both kidneys are normal in size, right {cm 9.8-11.4} and left {cm 10.0-11.8}",
            "The {side} kidney measures {cm 9.6-11.6}",
            "Symmetric nephrograms",
        ),
        ("Renal atrophy", "Pyelonephritis", "Polycystic kidney disease", "Horseshoe kidney"),
    ),
    Remark(
        "kidneys",
        ("No renal [mass|mass or cyst|cyst or solid mass]", "No solid or cystic renal lesion"),
        ("Renal cyst", "Renal mass", "Angiomyolipoma", "Polycystic kidney disease"),
    ),
    Remark(
        "kidneys",
        (
            "Previously seen {side} hydronephrosis has resolved",
            "Interval resolution of the {side} hydronephrosis",
            "The {side} renal pelvis is extrarenal, a normal variant, without caliectasis",
            "Fullness of the {side} renal pelvis without hydronephrosis",
        ),
        ("Hydronephrosis",),
    ),
    Remark(
        "kidneys",
        (
            "A [subcentimeter|tiny] hypodensity in the {side} kidney is too small to characterize",
            "Retroaortic left renal vein, a normal variant",
            "Fetal lobulation of the {side} kidney, a normal variant",
        ),
    ),
    Remark(
        "kidneys",
        ("The {side} renal calculus of the prior study is no longer seen", "Prior lithotripsy; no residual stone"),
        ("Kidney stone", "Ureteral stone"),
    ),
    Remark(
        "ureters",
        (
            "[The ureters are|Ureters] [normal in caliber|not dilated|unremarkable]",
            "No ureteral [stone|calculus|stone or dilatation]",
            "A calcification in the {side} pelvis lies outside the ureter, compatible with a phlebolith",
            "Pelvic phleboliths, no ureteral calculus",
            "The {side} ureteral stone of the prior study has passed",
        ),
        ("Ureteral stone", "Retroperitoneal fibrosis"),
    ),
    Remark(
        "bladder",
        (
            "[The urinary bladder is|Bladder] [unremarkable|normal|smooth-walled]",
            "The bladder is [well distended|underdistended], without [stone|calculus|wall thickening]",
            "No bladder [calculus|wall thickening|stone or mass]",
        ),
        ("Cystitis", "Bladder stone"),
    ),
    Remark("bladder", ("A Foley catheter is in place", "A small amount of air in the bladder after catheterization")),
    Remark(
        "prostate",
        (
            "The prostate is [not enlarged|normal in size]",
            "The prostate [measures|spans] {cm 3.2-4.1} [in transverse dimension|across]",
            "The prostate gland has a volume of {int 18-27} mL",
            "[Prostate and seminal vesicles|The seminal vesicles] are unremarkable",
        ),
        ("Prostatomegaly",),
    ),
    Remark("prostate", ("Status post prostatectomy[ for prostatic enlargement|]",), ("Prostatomegaly",)),
    Remark(
        "uterus",
        (
            "The uterus is [normal|unremarkable|anteverted and normal]",
            "No uterine [fibroid|mass]",
            "Status post hysterectomy[ for fibroids|]",
            "An intrauterine device is in place; no fibroid",
        ),
        ("Uterine fibroid",),
    ),
    Remark(
        "adnexa",
        (
            "No adnexal [mass|cyst|mass or cyst]",
            "The ovaries are [unremarkable|normal in size]",
            "The {side} ovarian cyst of the prior study has resolved",
            "A {side} ovarian follicle of {mm 6-12}, physiologic",
        ),
        ("Ovarian cyst",),
    ),
)
