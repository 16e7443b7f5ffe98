const none =
  /^(none|nil|null|n\/?a|not applicable|nothing|empty|((the )?(report|study|exam|examination|text|scan|image|result) (is|was) )?(normal|unremarkable)|no|none of the above|(there (is|are) )?no(ne| (evidence of )?(any )?(significant |acute |relevant |definite |specific |other |clear |evident |obvious )?(abnormality|abnormalities|abnormal findings?|findings?|disease|diseases|pathology|diagnosis|diagnoses|labels?))( (is |are )?(identified|found|detected|seen|present|noted|applicable|identified|apply|applies))?)$/i;

/** Whether a text means that there is no label: "none", "normal", "no significant abnormality". */
export function isNone(label: string): boolean {
  return none.test(label.trim());
}

/** Whether a label set names no finding: it is empty, or holds only labels such as "no abnormality". */
export function isNormal(labels: readonly string[]): boolean {
  return labels.every(isNone);
}
