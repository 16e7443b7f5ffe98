/** Why an implementation cannot do what an experiment declares, and what to declare instead. */
export type Unsupported = { readonly message: string; readonly help: string };
