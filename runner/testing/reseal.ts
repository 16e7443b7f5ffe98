import { sealedJson } from "../util/sealed-json.ts";

/** The text of a changed manifest or record with the digest of its new content, as an attacker can compute it. */
export function reseal(text: string): string {
  const { digest: _digest, ...changed } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return sealedJson(changed, 1);
}
