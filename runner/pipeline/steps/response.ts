/** One answer as `generate` writes it; a classical baseline gives labels and no text. */
export type Response = {
  readonly id: string;
  readonly text?: string;
  readonly labels?: readonly string[];
  readonly prompt_tokens?: number;
  readonly new_tokens?: number;
  readonly finish?: Finish;
  /** Natural logarithm of the answer's probability, its end counted in. */
  readonly logprob?: number;
  /** The answers of a vote. */
  readonly samples?: readonly { readonly text: string; readonly finish: Finish }[];
};

/** Why an answer ended: the end token, max_new_tokens, or the filter of a server. */
export type Finish = "stop" | "length" | "content_filter";
