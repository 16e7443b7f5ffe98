/** Limits of an unknown label, in UTF-16 units and words. A longer piece is prose. */
const longest = { characters: 300, words: 16, unspaced: 40 };

/** Words that sentences have and names of labels hardly ever do, in languages of which models write answers. */
const finite = new RegExp(
  `(?:^|[\\s'’])(?:${[
    "is|are|was|were|has|have|had|does|did|shows?|showed|demonstrates?|reveals?|suggests?|indicates?|appears?|seems?",
    "describes?|mentions?|contains?|there|i|i['’]m|we|you|it|this|these|because|which|cannot|can|could|should|would",
    "may|might|will|must|please|let|that|if|based",
    "ist|sind|wird|werden|wurde|wurden|hat|haben|zeigt|zeigen|liegt|ich|es",
    "est|sont|montre|montrent|présente|présentent|je|il|elle|c['’]est",
    "es|son|está|están|muestra|muestran|hay|presenta|é|são|è|sono|mostra|mostram",
  ].join("|")})(?=[\\s,.!?;:]|$)`,
  "i",
);

const unspacedVerb = /显示|建议|该报告|本报告|患者|可见|提示|描述|です|ます|ました|認め|である|입니다|습니다/;
const subject = /^(?:the|this|these|there|it|he|she|we|i|patient|a patient)\s/i;
const chatter =
  /^(?:okay|ok|sure|hmm+|alright|well|hello|hi|thanks|thank you|certainly|of course|absolutely|wait|so|great|the|let['’]s see|let me (?:think|see))$/i;
const syntax = /[{}]|":\s|^\/\/|^\||\[$|[?!]$/;

/** Whether a text that is no label of the study reads as a sentence and not as the name of a label. */
export function isSentence(text: string): boolean {
  const count = words(text);
  if (text.length > longest.characters || count > longest.words) return true;
  if (/[。！？](?=.)/.test(text)) return true;
  if (/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/.test(text) && text.length > longest.unspaced) return true;
  if (unspacedVerb.test(text) && text.length >= 6) return true;
  if (syntax.test(text) || chatter.test(text)) return true;
  return (count >= 3 && finite.test(text)) || (count >= 4 && subject.test(text));
}

const clause =
  /^(?:because|since|as (?:the|it|there|seen|described)|which|who|where|while|although|but|so|indicating|suggesting|based on|due to|given|according to|consistent with|in the|on the|of the)\s/i;

/** Whether a piece continues a sentence: "which is simple", "because ...". */
export function isClause(text: string): boolean {
  return clause.test(text);
}

/** The sentences of a line: they end in a full stop before a capital or an unspaced script. */
export function sentences(line: string): string[] {
  const found: string[] = [];
  let start = 0;
  const stop =
    /(?<=[\p{L}\p{N})\]"”’*_`}])(?:[.!?][*_"”]{0,2}\s(?=\s{0,8}[\p{Lu}\p{Lo}*_"“])|[؟۔।॥։።။។](?=\s)|[。！？])/gu;
  for (let at = stop.exec(line); at !== null; at = stop.exec(line)) {
    if (/^\(?\d{0,3}$/.test(line.slice(Math.max(start, at.index - 4), at.index).trim()) && start < at.index) continue;
    found.push(line.slice(start, at.index + 1).trim());
    start = at.index + at[0].length;
  }
  found.push(line.slice(start).trim());
  return found.filter((one) => one !== "");
}

/** Number of words. */
export function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}
