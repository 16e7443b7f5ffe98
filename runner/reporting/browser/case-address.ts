/** What the case explorer shows; the fragment of the address holds it, which works for files too. */
export type CasesState = {
  readonly text: string;
  /** The names of arms and of a label, and of a category or another condition on predictions. */
  readonly arm: string;
  /** The arm to which it is compared. */
  readonly other: string;
  readonly answer: string;
  readonly label: string;
  /** "columns" for arms side by side. */
  readonly view: string;
  /** The id of the case that is shown first. */
  readonly id: string;
};

const names = ["text", "arm", "other", "answer", "label", "view", "id"] as const;
const start = "#cases?";

/** Reads the state from a fragment; undefined if it is another anchor. */
export function casesState(fragment: string): CasesState | undefined {
  if (!fragment.startsWith(start)) return undefined;
  const query = new URLSearchParams(fragment.slice(start.length));
  return Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""])) as CasesState;
}

/** The fragment of a state; `casesState` is its inverse. */
export function casesFragment(state: Partial<CasesState>): string {
  const query = new URLSearchParams();
  for (const name of names) if (state[name]) query.set(name, state[name]);
  return `${start}${query}`;
}
