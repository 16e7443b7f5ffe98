import type { Device, Precision } from "./device.ts";

/** What can be trained: an adapter, an adapter on a 4-bit base, or every weight. */
export const methods = ["lora", "dora", "qlora", "qdora", "full"] as const;
export type Method = (typeof methods)[number];

/** A training backend as the front knows it: its part of the schema, and what it cannot do. */
export type Backend = {
  readonly name: string;
  /** JSON Schema of `train` for this backend; `backend` is its tag. */
  readonly schema: { readonly type: "object"; readonly properties: Readonly<Record<string, unknown>> };
  readonly capabilities: Capabilities;
  readonly habits: Habits;
};

/** How a backend trains, as far as its memory follows from it. */
export type Habits = {
  /** Devices on which activations are computed again in the backward pass. */
  readonly checkpointing: readonly Device[];
  /** Whether the logits of every token are in memory at once, and not those of the answers in pieces. */
  readonly allLogits: boolean;
};

/** What a backend can do. A missing capability is an error at plan time, never a key that is ignored. */
export type Capabilities = {
  /** Method -> device -> the precisions that it trains in. A device that is missing, or has none, is one it cannot use. */
  readonly methods: Readonly<Record<Method, Readonly<Partial<Record<Device, readonly Precision[]>>>>>;
  /** Method that it lacks on every device -> what to do instead. */
  readonly instead: Readonly<Partial<Record<Method, string>>>;
  /** Whether its recipe leaves what `report_to` names as outputs, a folder each; otherwise they stay in the work folder. */
  readonly keepsReports?: boolean;
  /** Methods that it trains on one GPU alone. */
  readonly oneGpu?: readonly Method[];
  /** Whether without a GPU it trains in one process only, and so on one node. */
  readonly aloneOnCpu?: boolean;
  readonly schedules: readonly string[];
  /** Values of keep.best. */
  readonly best: readonly string[];
  readonly earlyStopping: boolean;
  readonly samples: boolean;
  /** Dotted keys of the locked trainer that `overrides` may set; "optim_args.*" is a section of free keys. */
  readonly overrides: readonly string[];
  /** Dotted keys of the trainer that an experiment decides -> the key that decides. */
  readonly decided: Readonly<Record<string, string>>;
};
