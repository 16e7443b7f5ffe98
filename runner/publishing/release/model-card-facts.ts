import type { ResultFiles } from "../../pipeline/result-files.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import type { MaybeBounds } from "../../util/bounds.ts";
import type { ReleaseFile } from "./release.ts";

type Ends = MaybeBounds & { readonly method: string };

/** A case of the evaluation that a card shows, with the answer that the run has. */
export type ShownCase = {
  readonly input: string;
  readonly gold: unknown;
  readonly answer: string;
  readonly prediction: unknown;
};

/** The model in another format, in the folder `name`. */
export type ExportedFacts = {
  readonly name: string;
  readonly format: string;
  /** The number format of the weights. */
  readonly type: string;
  /** Bytes of the file with the model. */
  readonly size: number;
  /** The scores of the run's own model and of this one on validation rows; absent if nothing was scored. */
  readonly comparison: ResultFiles["comparison.json"] | undefined;
};

/** The content of a model card. */
export type CardFacts = {
  readonly run: RunFacts;
  /** Arm -> view -> metric -> its 95 % interval. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Ends>>>>>>;
  readonly repo: string;
  /** Absent if the experiment names none; `checkCard` then fails. */
  readonly license: string | undefined;
  /** Content of the repository: an adapter, or a complete model, merged or trained in full. "none": the run has no model. */
  readonly kind: "adapter" | "merged" | "full" | "none";
  readonly exported: readonly ExportedFacts[];
  /** What the study states for the card. */
  readonly stated: Pick<
    NonNullable<RunFacts["config"]["upload"]>,
    "language" | "tags" | "authors" | "intended_use" | "out_of_scope" | "example"
  >;
  /** Absent unless the study declares that its rows may be published. */
  readonly shown: ShownCase | undefined;
  /** The base model on the hub, and its commit if the run used that commit. */
  readonly base: { readonly name: string; readonly revision: string | null };
  /** Paths of the prompt template and, if there is one, of the messages with a placeholder for the input. */
  readonly template: string;
  readonly messages: string | undefined;
  /** Paths of the files that state the form of answers, such as a JSON Schema. */
  readonly forms: readonly string[];
  /** The other files of the repository. */
  readonly files: readonly ReleaseFile[];
};
