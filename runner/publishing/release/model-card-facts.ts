import type { RunFacts } from "../../reporting/report/study.ts";
import type { MaybeBounds } from "../../util/bounds.ts";
import type { ReleaseFile } from "./release.ts";

type Ends = MaybeBounds & { readonly method: string };

/** The content of a model card. */
export type CardFacts = {
  readonly run: RunFacts;
  /** Arm -> view -> metric -> its 95 % interval. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Ends>>>>>>;
  readonly repo: string;
  /** Absent if the experiment names none; `checkCard` then fails. */
  readonly license: string | undefined;
  /** Content of the repository: an adapter, or a complete model, merged or trained in full. */
  readonly kind: "adapter" | "merged" | "full";
  /** The base model on the hub, and its commit if the run used that commit. */
  readonly base: { readonly name: string; readonly revision: string | null };
  /** Paths of the prompt template and, if there is one, of the messages with a placeholder for the input. */
  readonly template: string;
  readonly messages: string | undefined;
  /** The other files of the repository. */
  readonly files: readonly ReleaseFile[];
};
