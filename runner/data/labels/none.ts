const adjective =
  "(?:any |significant |acute |relevant |definite |specific |other |clear |evident |obvious |applicable |abnormal |cardiopulmonary |matching |of the |given |listed |provided )*";
const finding =
  "(?:abnormalit(?:y|ies)|findings?|diseases?|patholog(?:y|ies)|process|diagnos[ei]s|labels?|categor(?:y|ies)|conditions?)";
const state =
  "(?: (?:is|are|was|were|were to be))?(?: (?:identified|found|detected|seen|present|noted|applicable|described|assigned|apply|applies))?";
const place =
  "(?: (?:in|on|to|for|from) (?:the |this )?(?:\\w+ )?(?:report|study|exam|examination|text|scan|image|list|input))*";
/** "None" in other languages. */
const others = [
  "keine?[rs]?|aucune?|ningun[oa]|nenhuma?|nessun[oa]|geen|ingen|inget|inga|brak|yok|không có|tidak ada",
  "нет|отсутствует|немає|καμία|κανένα|لا يوجد|لا شيء|אין|कोई नहीं|ไม่มี",
  "无|無|没有|沒有|なし|無し|該当なし|特になし|異常なし|없음|해당 ?없음",
].join("|");
const none = new RegExp(
  `^(?:${others}|none|nil|null|n/?a|not applicable|nothing|empty(?: (?:set|list))?|∅|-|—|no|none of the above|(?:none|nothing) (?:applies|apply|identified|found|noted)|none of (?:the|these) ${finding}${state}|${[
    "(?:(?:the )?(?:report|study|exam|examination|text|scan|image|result)s? (?:is|was|are|were|appears) )?(?:(?:completely |entirely |otherwise )?normal|unremarkable|within normal limits)(?: (?:report|study|exam|examination|scan|image))?",
    `(?:the (?:report|study|exam|examination|text|scan|image) (?:shows|describes|has|contains|demonstrates|mentions) |there (?:is|are|were) )?no(?:ne)? (?:evidence of )?${adjective}${finding}${place}${state}${place}`,
  ].join("|")})$`,
  "i",
);

/** Whether a text means that there is no label: "none", "normal", "no significant abnormality". */
export function isNone(label: string): boolean {
  return label.length <= 200 && none.test(label.trim());
}

/** Whether a label set names no finding: it is empty, or holds only labels such as "no abnormality". */
export function isNormal(labels: readonly string[]): boolean {
  return labels.every(isNone);
}
