/** What determines the time and memory of a training or generation, as far as a plan knows it. */
export type Work = {
  readonly kind: "train" | "generate";
  /** Processor and number of cores, or GPU and number of GPUs. */
  readonly machine: string;
  /** Backend or engine. */
  readonly program: string;
  /** Training method; of a generation "base" or "adapted", because their answers differ in length. */
  readonly method: string;
  readonly precision: string;
  /** Parameters of the model. */
  readonly parameters: number;
  /** Rows at once. */
  readonly batch: number;
  /** Most tokens of a row in training, of an answer in generation. */
  readonly length: number;
  /** Characters that the step reads: of all rows and their prompts, in all epochs. */
  readonly characters: number;
};

/** The work of a step that has ended, with its seconds and its peak memory in bytes: of the GPU if it uses one. */
export type Measurement = Work & {
  readonly at: string;
  readonly seconds: number;
  readonly memory: number | null;
  /** Share of its cores that the step used, from 0 to 1; absent if it was short, used a GPU, or without /proc. */
  readonly used?: number;
};

/** What one core of a machine computes and reads: operations a second in products, bytes of weights a second. */
export type CoreSpeed = { readonly fp32: number; readonly bf16: number; readonly bandwidth: number };
