import { type Document, isMap, isSeq, parseDocument } from "yaml";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { basicForm } from "./basic.ts";
import { parseSynonyms, read } from "./synonyms.ts";

/** A synonym file with the entries of another one. */
export type MergedSynonyms = { readonly text: string; readonly added: number };

/**
 * Adds the synonyms of `accepted` to `file`, whose comments and entries stay. Entries that `file` has already are left
 * out. An error of either file, or one that their union has, is a diagnostic at its place.
 */
export function mergeSynonyms(file: SourceText, accepted: SourceText): Result<MergedSynonyms> {
  const [known, given] = [parseSynonyms(file), parseSynonyms(accepted)];
  if (!known.ok) return known;
  if (!given.ok) return given;
  const document: Document = parseDocument(file.text, { schema: "failsafe" });
  if (!isMap(document.contents)) document.contents = document.createNode({});
  if (!isMap(document.get("synonyms"))) document.set("synonyms", document.createNode({}));
  const synonyms = document.get("synonyms");
  if (!isMap(synonyms)) throw new Error("a map was set");
  const { pairs, texts, root } = read(accepted);
  const isSame = (a: string, b: string): boolean => known.value.canonical(a) === known.value.canonical(b);
  let added = 0;
  for (const [key, value] of pairs(root)) {
    if (key.text !== "synonyms") continue;
    for (const [name, variants] of pairs(value)) {
      for (const { text } of texts(variants, name.text)) {
        if (isSame(text, name.text)) continue;
        const own = synonyms.items.find((pair) => basicForm(String(pair.key)) === basicForm(name.text));
        const list = own?.value;
        if (isSeq(list)) list.add(document.createNode(text));
        else if (own !== undefined) synonyms.set(own.key, document.createNode([text]));
        else synonyms.set(name.text, document.createNode([text]));
        added += 1;
      }
    }
  }
  const text = added === 0 ? file.text : document.toString({ lineWidth: 0 });
  const checked = parseSynonyms({ path: file.path, text });
  return checked.ok ? { ok: true, value: { text, added }, warnings: [] } : checked;
}
