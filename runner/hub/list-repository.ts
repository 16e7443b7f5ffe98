import { type ListFileEntry, listFiles } from "@huggingface/hub";
import { ListingLimits } from "../util/listing-limits.ts";
import { type Hub, hubParams } from "./connection.ts";

/** Lists every file of a repository by its path. Throws what `Hub.fetch` throws, SyntaxError, and UserError `listing-too-long`. */
export async function listRepository(
  hub: Hub,
  repo: { readonly type: "model" | "dataset"; readonly name: string },
): Promise<Map<string, ListFileEntry>> {
  const limits = new ListingLimits(repo.name);
  const counted: typeof fetch = (input, init) => {
    limits.page(String(input instanceof Request ? input.url : input));
    return hub.fetch(input, init);
  };
  const files = new Map<string, ListFileEntry>();
  for await (const entry of listFiles({ repo, recursive: true, ...hubParams(hub), fetch: counted })) {
    if (typeof entry?.path !== "string" || typeof entry.size !== "number")
      throw new SyntaxError("no entry of a listing");
    limits.entry(entry.path);
    if (entry.type === "file") files.set(entry.path, entry);
  }
  return files;
}
