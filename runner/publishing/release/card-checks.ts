import { parse } from "yaml";
import { licences } from "./licences.ts";
import { type Refusal, refusal } from "./release.ts";

type Metadata = {
  readonly license?: unknown;
  readonly base_model?: unknown;
  readonly "model-index"?: readonly {
    readonly results?: readonly { readonly metrics?: readonly { readonly value?: unknown }[] }[];
  }[];
};

/** A repository of the hub: owner/name. */
export const repoName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** Why the hub would refuse a card, or readers could not use it: its front matter is read back as the hub reads it. */
export function cardProblems(card: string): readonly Refusal[] {
  const metadata = parse(card.split(/^---$/m)[1] ?? "") as Metadata | null;
  const wrong: Refusal[] = [];
  const { license, base_model } = metadata ?? {};
  if (license === undefined || license === null || license === "") {
    wrong.push(
      refusal("card-invalid", "the licence of the base is not named", "write upload.base_license, such as apache-2.0"),
    );
  } else if (!licences.has(String(license))) {
    wrong.push(
      refusal(
        "card-invalid",
        `"${license}" is no licence identifier of the hub`,
        "write upload.base_license and upload.license as the hub spells them, such as apache-2.0",
      ),
    );
  }
  if (typeof base_model !== "string" || !repoName.test(base_model)) {
    wrong.push(
      refusal(
        "base-unnamed",
        `the base ${base_model ?? ""} is no repository of the hub, so that nobody could load the model onto it`,
        "write upload.base_model: owner/name, the repository that it is a copy of",
      ),
    );
  }
  const metrics = metadata?.["model-index"]?.[0]?.results?.[0]?.metrics ?? [];
  if (metrics.length === 0 || metrics.some(({ value }) => !Number.isFinite(value))) {
    wrong.push(
      refusal(
        "card-invalid",
        "the tuned arm has no metrics that a card could name",
        "score it: run the experiment again",
      ),
    );
  }
  return wrong;
}
