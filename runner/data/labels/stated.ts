import { words } from "./sentence.ts";
import type { Vocabulary } from "./vocabulary.ts";

const yes =
  "yes|true|present|positive|found|detected|confirmed|identified|seen|noted|visible|applies|applicable|y|✓|✔|✅|☑|是|有|ja|oui|sí";
const no =
  "no|false|absent|negative|none|not present|not found|not detected|not identified|not seen|not noted|not visible|not applicable|not mentioned|unlikely|n|✗|✘|❌|否|无|nein|non";
const isYes = new RegExp(`^(?:${yes})(?=$|[\\s,.;:(–—-])`, "i");
const isNo = new RegExp(`^(?:${no})(?=$|[\\s,.;:(–—-])`, "i");

/** What a value says about a label: that it applies, that it does not, or nothing. A score applies from 0.5 on. */
export function flagOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return undefined;
  const text = value.trim().replace(/^[*_`"'([]+|(?<![*_`"'\])])[*_`"'\])]+$/g, "");
  if (/^(?:0|1|[01]?\.\d{1,20})$/.test(text)) return Number(text) >= 0.5;
  const share = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(text);
  if (share) return Number(share[1]) >= 50;
  if (isNo.test(text)) return false;
  return isYes.test(text) ? true : undefined;
}

/** A label and whether the answer says that it applies: "Renal cyst: yes", "Renal cyst is absent", "Gallstone = 0". */
export function statement(piece: string): { readonly name: string; readonly applies: boolean } | undefined {
  if (piece.length > 300) return undefined;
  for (const [mark, length] of marks(piece)) {
    const name = piece.slice(0, mark).replace(/(?<![\s*_`])[\s*_`]+$/, "");
    const value = piece.slice(mark + length).replace(/^[\s*_`]+/, "");
    const applies = words(value) > 12 ? undefined : flagOf(value.replace(/(?<![.!*_`\s])[.!*_`\s]+$/, ""));
    if (name !== "" && applies !== undefined) return { name, applies };
  }
  const ticked = /^(.{1,200}?)\s?(?:[✅✔✓☑]|([❌✗✘🚫⛔]))\ufe0f?$/u.exec(piece);
  if (ticked) return { name: ticked[1] as string, applies: ticked[2] === undefined };
  const bare = /^(.{2,200}?) (present|absent|detected|not (?:present|seen|detected|found))\.?$/i.exec(piece);
  return bare ? { name: bare[1] as string, applies: !/^(?:absent|not)/i.test(bare[2] as string) } : undefined;
}

function* marks(piece: string): Iterable<readonly [number, number]> {
  for (const mark of [/[:：=](?=[\s*_`\p{L}\p{N}✓✔✅✗✘❌])/u, / [-–—→|] /, / (?:is|are|was|were) /i]) {
    const found = mark.exec(piece);
    if (found) yield [found.index, found[0].length];
  }
}

const negation =
  /^(?:there (?:is|are|was|were) )?(?:no (?:evidence|signs?|indications?|mention|history|suggestion|findings?) of|no(?:t)?|without|absence of|absent|negative for|free of|denies|ruled out:?|does not have|neither|nor|kein(?:e|en)?|pas de|aucune?|sin)\s+(?:any |a |an |the |significant |acute |definite )*(.+)$/i;

/** What a piece says is not the case: "No renal cyst" gives "renal cyst". "Not" alone needs a label of the study. */
export function negated(piece: string, vocabulary: Vocabulary): string | undefined {
  if (piece.length > 300) return undefined;
  const found = negation.exec(piece.replace(/^(?:and|but|or)\s+/i, ""));
  if (!found) return undefined;
  const name = found[1] as string;
  if (/^(?:there |no |neither |nor |kein)/i.test(found[0]) || vocabulary.find(name) !== undefined) return name;
  return undefined;
}
