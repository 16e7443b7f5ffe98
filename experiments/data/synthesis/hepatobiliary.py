"""Liver, bile ducts, gallbladder, pancreas and spleen."""

from .finding import Compound, Finding, Remark

FINDINGS = (
    Finding(
        "Fatty liver",
        "liver",
        (
            "[Fatty liver|Hepatic steatosis|Steatosis of the liver|Fatty infiltration of the liver] is {seen}",
            "{there} {mild} [fatty infiltration of the liver|hepatic steatosis|fatty liver|fatty change of the liver]",
            "The liver shows {mild} [steatosis|fatty change|fatty infiltration]",
            "[Mild|Moderate|Diffuse] [hepatic steatosis|fatty liver]",
        ),
        (
            "The liver is [diffusely low in attenuation|diffusely hypodense compared with the spleen]",
            "Hepatic attenuation measures {hu 28-40} HU, spleen {hu 50-58} HU",
            "[Diffusely decreased|Diffuse low] attenuation of the liver relative to the spleen",
            "The liver parenchyma is [darker|lower in attenuation] than the spleen throughout",
        ),
        ("fatty liver", "hepatic steatosis", "fatty infiltration"),
        {"Hepatic steatosis": 0.09, "Fatty infiltration of liver": 0.02},
    ),
    Finding(
        "Liver cyst",
        "liver",
        (
            "{there} [a|a simple] {mm 6-38} [hepatic cyst|liver cyst|cyst] in the {lobe}",
            "[Several|A few|Multiple] [hepatic|liver] cysts, the largest {mm 12-42} in the {lobe}",
            "[Simple hepatic cyst|Liver cyst] of {mm 7-34} in the {lobe}",
        ),
        (
            "{there} a {mm 6-38} {cyst} in the {lobe}",
            "The [left hepatic lobe|right hepatic lobe|hepatic dome] contains a {mm 6-38} {cyst}",
            "In the {lobe}, a {cyst} of {mm 6-38} is {seen}",
        ),
        ("hepatic cyst", "liver cyst"),
        {"Liver cysts": 0.07, "Hepatic cyst": 0.07},
    ),
    Finding(
        "Hepatomegaly",
        "liver",
        ("[Mild|Moderate|] hepatomegaly is {seen}", "The liver is enlarged[, {cm 17.2-21.5} in span|]"),
        (
            "The liver [measures|spans] {cm 17.4-22.0} in [craniocaudal length|the midclavicular line]",
            "Liver span {cm 17.4-22.0}[, edge below the costal margin|]",
        ),
        ("hepatomegaly",),
        {"Enlarged liver": 0.06},
    ),
    Finding(
        "Cirrhosis",
        "liver",
        (
            "[Cirrhotic morphology of the liver|Cirrhotic liver|Features of cirrhosis are {seen}]",
            "The liver is [cirrhotic|cirrhotic in appearance] with a nodular contour",
        ),
        (
            "The liver is [shrunken|small] with a [nodular|lobulated] surface and [caudate|left lobe] hypertrophy",
            "Nodular hepatic contour with widened fissures and [caudate|left lobe] hypertrophy",
        ),
        ("cirrhosis", "cirrhotic change"),
        {"Liver cirrhosis": 0.12},
    ),
    Finding(
        "Hepatic hemangioma",
        "liver",
        (
            "{there} a {mm 9-45} hemangioma in the {lobe}",
            "[Hepatic hemangioma|Cavernous hemangioma] of {mm 9-45} in the {lobe}",
        ),
        (
            "A {mm 9-45} lesion in the {lobe} shows peripheral nodular enhancement with [progressive|delayed] fill-in",
            "{there} a {mm 9-45} focus in the {lobe} with discontinuous nodular rim enhancement that fills in later",
        ),
        ("hepatic hemangioma",),
        {"Hemangioma of liver": 0.07, "Hepatic haemangioma": 0.06},
    ),
    Finding(
        "Liver metastasis",
        "liver",
        (
            "[Multiple|Several|Numerous] [hepatic|liver] metastases, the largest {mm 14-58} in the {lobe}",
            "{there} [metastatic disease in|metastases throughout] the liver",
        ),
        (
            "[Multiple|Numerous|Several] ill-defined hypoenhancing lesions in both "
            "lobes of the liver, up to {mm 14-58}",
            "[Numerous|Many] target-like hepatic masses with rim enhancement, up to {mm 18-60}, new since the prior",
        ),
        ("liver metastases", "hepatic metastasis"),
        {"Liver metastases": 0.1, "Hepatic metastasis": 0.1},
    ),
    Finding(
        "Liver abscess",
        "liver",
        ("{there} a {mm 30-70} [hepatic|liver] abscess in the {lobe}",),
        ("A {mm 30-70} multiloculated collection with a thick enhancing wall and gas is {seen} in the {lobe}",),
        ("hepatic abscess",),
    ),
    Finding(
        "Portal vein thrombosis",
        "liver",
        ("[Portal vein thrombosis|Thrombosis of the portal vein] is {seen}",),
        ("[Nonocclusive|Occlusive] filling defect in the [main|{side}] portal vein",),
        ("portal vein thrombosis",),
        {"Portal vein thrombus": 0.2},
    ),
    Finding(
        "Biliary dilatation",
        "ducts",
        (
            "{mild} [intrahepatic|intra- and extrahepatic] biliary [dilatation|ductal dilatation]",
            "The [common bile duct|CBD] is dilated[, {mm 10-17}|]",
        ),
        (
            "The [common bile duct|common duct|CBD] measures {mm 10-17}",
            "[Common bile duct|Common duct] caliber {mm 10-17}, tapering at the ampulla",
        ),
        ("biliary dilatation", "bile duct dilatation"),
        {"Bile duct dilatation": 0.07, "Biliary dilation": 0.06},
    ),
    Finding(
        "Choledocholithiasis",
        "ducts",
        ("{there} choledocholithiasis", "A {mm 4-11} [stone|calculus] in the [common bile duct|distal CBD]"),
        ("A {mm 4-11} {calcified} is {seen} within the distal [common duct|common bile duct]",),
        ("choledocholithiasis", "common bile duct stone"),
        {"Common bile duct stone": 0.15},
    ),
    Finding(
        "Gallstone",
        "gallbladder",
        (
            "[Cholelithiasis|Gallstones are {seen}|Gallstones in a normal gallbladder|Cholelithiasis is {seen}]",
            "The gallbladder contains [a {mm 5-22} stone|stones|multiple stones|several calculi]",
            "{there} [a gallstone|a {mm 5-22} gallstone|a calculus in the gallbladder neck]",
        ),
        (
            "{there} a {mm 4-22} {calcified} within the [gallbladder lumen|gallbladder|gallbladder fundus]",
            "The gallbladder holds [a|a dependent] {mm 4-22} {calcified}",
            "A {mm 5-22} dependent {calcified} lies in the gallbladder",
        ),
        ("gallstones", "cholelithiasis", "gallbladder stone"),
        {"Gallstones": 0.07, "Cholelithiasis": 0.07},
    ),
    Finding(
        "Cholecystitis",
        "gallbladder",
        ("[Findings of acute cholecystitis|Acute cholecystitis is {seen}|The appearance is that of cholecystitis]",),
        (
            "The gallbladder is distended with {thickening} and {stranding}",
            "Gallbladder {thickening} of {mm 5-9} with pericholecystic fluid",
        ),
        ("cholecystitis", "acute cholecystitis"),
        {"Acute cholecystitis": 0.15},
    ),
    Finding(
        "Gallbladder polyp",
        "gallbladder",
        ("{there} a {mm 4-9} gallbladder polyp",),
        ("A {mm 4-9} enhancing nodule is attached to the [anterior|nondependent] gallbladder wall",),
        ("gallbladder polyp",),
    ),
    Finding(
        "Pancreatitis",
        "pancreas",
        ("[Acute pancreatitis|Findings of acute pancreatitis|Changes of pancreatitis are {seen}]",),
        (
            "The pancreas is [edematous|swollen and ill-defined] with "
            "[peripancreatic fat stranding|peripancreatic fluid]",
            "Peripancreatic [fat stranding|inflammatory stranding] and fluid about the [head|tail|body and tail]",
        ),
        ("pancreatitis", "acute pancreatitis"),
        {"Acute pancreatitis": 0.15},
    ),
    Finding(
        "Pancreatic cyst",
        "pancreas",
        (
            "{there} a {mm 6-26} [pancreatic cyst|cyst] in the [pancreatic head|uncinate process|pancreatic tail]",
            "[Pancreatic cyst|Cystic pancreatic lesion] of {mm 6-26} in the [body|tail|head]",
        ),
        (
            "{there} a {mm 6-26} {cyst} in the pancreatic [tail|body|head|neck]",
            "The [pancreatic tail|pancreatic body|uncinate process] contains a {mm 6-26} {cyst}",
        ),
        ("pancreatic cyst",),
        {"Pancreatic cystic lesion": 0.1},
    ),
    Finding(
        "Pancreatic duct dilatation",
        "pancreas",
        ("The [main|] pancreatic duct is dilated[ to {mm 5-11}|]",),
        ("The [main|] pancreatic duct measures {mm 5-11}",),
        ("pancreatic duct dilatation",),
        {"Dilated pancreatic duct": 0.15},
    ),
    Finding(
        "Pancreatic mass",
        "pancreas",
        ("{there} a {mm 18-45} [mass in the pancreatic [head|body|tail]|pancreatic [head|tail] mass]",),
        (
            "A {mm 18-45} hypoenhancing solid lesion in the [uncinate "
            "process|pancreatic head] encases the adjacent vein",
        ),
        ("pancreatic mass",),
    ),
    Finding(
        "Splenomegaly",
        "spleen",
        (
            "[Mild|Moderate|] splenomegaly[, {cm 13.6-18.5}| is {seen}|]",
            "The spleen is [enlarged|mildly enlarged][, {cm 13.6-18.5}|]",
        ),
        (
            "The spleen [measures|spans] {cm 13.8-19.0}",
            "Spleen {cm 13.8-19.0} in [craniocaudal length|length|long axis]",
        ),
        ("splenomegaly",),
        {"Enlarged spleen": 0.05},
    ),
    Finding(
        "Splenic cyst",
        "spleen",
        ("{there} a {mm 8-34} splenic cyst",),
        ("The spleen contains a {mm 8-34} {cyst}", "{there} a {mm 8-34} {cyst} in the spleen"),
        ("splenic cyst",),
    ),
    Finding(
        "Budd-Chiari syndrome",
        "liver",
        ("[Findings of Budd-Chiari syndrome|Appearance typical of Budd-Chiari syndrome]",),
        ("The hepatic veins do not opacify, with mottled enhancement and sparing of the caudate",),
    ),
)

COMPOUNDS = (
    Compound(
        ("Hepatomegaly", "Fatty liver"),
        "liver",
        (
            "The liver is enlarged, {cm 17.4-21.0}, and [diffusely low in attenuation|steatotic]",
            "Hepatomegaly with [diffuse steatosis|fatty infiltration]",
        ),
    ),
    Compound(("Hepatomegaly", "Splenomegaly"), "liver", ("Hepatosplenomegaly[ is {seen}|]",)),
    Compound(
        ("Liver cyst", "Renal cyst"),
        "liver",
        (
            "Simple cysts are {seen} in the liver and [the {side} kidney|both kidneys]",
            "[Hepatic|Liver] and renal cysts",
        ),
    ),
    Compound(
        ("Gallstone", "Cholecystitis"),
        "gallbladder",
        ("Calculous cholecystitis", "A stone impacted in the gallbladder neck with {thickening} and {stranding}"),
    ),
)

REMARKS = (
    Remark(
        "liver",
        ("The liver is normal in size and [contour|outline]", "Liver span {cm 13.0-15.6}", "Liver of normal size"),
        ("Hepatomegaly", "Cirrhosis"),
    ),
    Remark(
        "liver",
        (
            "Hepatic attenuation is [normal|homogeneous]",
            "Liver {hu 56-64} HU, spleen {hu 46-52} HU",
            "The liver is not diffusely low in attenuation",
        ),
        ("Fatty liver",),
    ),
    Remark(
        "liver",
        ("No focal [hepatic|liver] lesion", "No cystic or solid hepatic mass", "No enhancing hepatic mass"),
        ("Liver cyst", "Hepatic hemangioma", "Liver metastasis", "Liver abscess"),
    ),
    Remark(
        "liver",
        (
            "The [portal|portal and hepatic] veins are patent",
            "The portal vein is patent and measures {mm 9-12}",
        ),
        ("Portal vein thrombosis", "Budd-Chiari syndrome"),
    ),
    Remark(
        "liver",
        (
            "A [subcentimeter|tiny] hypodensity in the {lobe} is too small to characterize",
            "Focal fat adjacent to the falciform ligament",
            "A punctate calcified granuloma in the {lobe}",
            "Replaced right hepatic artery, a normal variant",
            "Riedel lobe, a normal variant",
        ),
    ),
    Remark(
        "ducts",
        (
            "No [intrahepatic|intra- or extrahepatic] biliary dilatation",
            "The [common bile duct|CBD|common duct] measures {mm 3-6}",
            "The bile ducts are [not dilated|normal in caliber]",
            "Common bile duct {mm 3-6}, without filling defect",
        ),
        ("Biliary dilatation", "Choledocholithiasis"),
    ),
    Remark("ducts", ("A biliary stent is in expected position", "Pneumobilia after sphincterotomy")),
    Remark(
        "gallbladder",
        (
            "[The gallbladder is|Gallbladder] [unremarkable|normal|contracted but otherwise normal]",
            "No [gallstones|cholelithiasis|radiopaque gallstone] or gallbladder wall thickening",
            "The gallbladder is [well distended|normally distended], without stones or wall thickening",
            "No stone in the gallbladder",
            "Phrygian cap of the gallbladder, a normal variant, without stones",
        ),
        ("Gallstone", "Cholecystitis", "Gallbladder polyp"),
    ),
    Remark(
        "gallbladder",
        (
            "Status post cholecystectomy[ for gallstones|]",
            "The gallbladder is surgically absent[, with clips in the fossa|]",
            "Gallstones on the prior study; the gallbladder has since been removed",
            "Cholecystectomy clips[, previously for acute cholecystitis|]",
        ),
        ("Gallstone", "Cholecystitis", "Gallbladder polyp"),
    ),
    Remark(
        "pancreas",
        (
            "The pancreas is [normal|unremarkable|normal in bulk and enhancement]",
            "Pancreas without mass, [cyst|stranding] or ductal dilatation",
            "No peripancreatic [stranding|fluid]; the main pancreatic duct measures {mm 1-3}",
            "No pancreatic [mass|cyst|lesion] or duct dilatation",
        ),
        ("Pancreatitis", "Pancreatic cyst", "Pancreatic duct dilatation", "Pancreatic mass"),
    ),
    Remark(
        "pancreas",
        (
            "Peripancreatic stranding of the prior study has resolved",
            "The previously described pancreatitis has resolved",
            "Fatty replacement of the pancreas, appropriate for age",
        ),
        ("Pancreatitis",),
    ),
    Remark(
        "spleen",
        (
            "The spleen is [normal|normal in size|not enlarged][ at {cm 9.0-11.8}|]",
            "The spleen [measures|spans] {cm 8.8-11.9}",
            "Spleen {cm 8.8-11.9} in [craniocaudal length|length|long axis]",
            "No splenomegaly[ or focal splenic lesion|]",
        ),
        ("Splenomegaly", "Splenic cyst"),
    ),
    Remark(
        "spleen",
        (
            "[A small splenule|An accessory spleen of {mm 8-16}] is {seen} at the hilum, a normal variant",
            "A few calcified granulomas in the spleen",
        ),
    ),
    Remark(
        "pancreas",
        (
            "The pancreas, spleen and adrenal glands are [unremarkable|normal|within normal limits]",
            "Pancreas, spleen and both adrenals [are normal|unremarkable]",
        ),
        covers=("pancreas", "spleen", "adrenals"),
    ),
)
