/** Fills a store with records and objects that no run refers to. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyOf } from "../pipeline/plan/identity.ts";
import { listingDigest } from "../store/digest.ts";
import { sha256 } from "../util/canonical.ts";
import { sealedJson } from "../util/sealed-json.ts";

/** Adds `count` records, each with an object of one small file, to the store below an artifacts folder. */
export function fillStore(artifacts: string, count: number): void {
  const store = join(artifacts, "store");
  for (const name of ["keys", "objects"]) mkdirSync(join(store, name), { recursive: true });
  for (let number = 0; number < count; number++) {
    const text = `${number}\n`;
    const files = { "out.txt": { sha256: sha256(text), size: text.length } };
    const object = listingDigest(files);
    const ingredients = { kind: "train", version: 1, params: { number }, sources: {}, inputs: {} };
    const key = keyOf(ingredients);
    mkdirSync(join(store, "objects", object));
    writeFileSync(join(store, "objects", object, "out.txt"), text, { mode: 0o444 });
    const record = { schema: 2, key, ingredients, object, files, evidence: {}, created: "2026-01-01T00:00:00.000Z" };
    writeFileSync(join(store, "keys", `${key}.json`), sealedJson({ ...record, seconds: 1 }));
  }
}
