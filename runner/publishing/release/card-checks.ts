import { parse } from "yaml";
import { isRepository } from "../../hub/names.ts";
import { licences } from "./licences.ts";
import { type FailedCheck, failedCheck } from "./release.ts";

type Metadata = {
  readonly license?: unknown;
  readonly base_model?: unknown;
  readonly "model-index"?: readonly {
    readonly results?: readonly { readonly metrics?: readonly { readonly value?: unknown }[] }[];
  }[];
};

/** Checks the front matter of a model card as the hub reads it. */
export function checkCard(card: string): readonly FailedCheck[] {
  const metadata = parse(card.split(/^---$/m)[1] ?? "") as Metadata | null;
  const failed: FailedCheck[] = [];
  const { license, base_model } = metadata ?? {};
  if (license === undefined || license === null || license === "") {
    failed.push(
      failedCheck(
        "card-invalid",
        "the licence of the base model is missing",
        "set upload.base_license, for example apache-2.0",
      ),
    );
  } else if (!licences.has(String(license))) {
    failed.push(
      failedCheck(
        "card-invalid",
        `"${license}" is not a licence identifier of the hub`,
        "set upload.base_license and upload.license to identifiers of the hub, for example apache-2.0",
      ),
    );
  }
  if (typeof base_model !== "string" || !isRepository(base_model)) {
    failed.push(
      failedCheck(
        "base-unnamed",
        `the base model ${base_model ?? ""} is not a repository of the hub, so others cannot load it`,
        "set upload.base_model to the repository that it is a copy of: owner/name",
      ),
    );
  }
  const metrics = metadata?.["model-index"]?.[0]?.results?.[0]?.metrics ?? [];
  if (metrics.length === 0 || metrics.some(({ value }) => !Number.isFinite(value))) {
    failed.push(failedCheck("card-invalid", "the tuned arm has no metrics", "run the experiment again"));
  }
  return failed;
}
