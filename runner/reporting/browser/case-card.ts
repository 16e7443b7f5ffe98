import type { Case, CaseAnswer, Cases } from "../report/cases.ts";
import { casesFragment } from "./case-address.ts";
import { element } from "./dom.ts";

/** How a card shows arms: in columns or rows, and which columns; undefined for all. */
export type ShownArms = { readonly areColumns: boolean; readonly arms: readonly number[] | undefined };

/** A case as a card: input with highlights, gold labels, and the prediction of every arm, in rows or side by side. */
export function caseCard(
  one: Case,
  { arms, categories, hasLabels }: Pick<Cases, "arms" | "categories" | "hasLabels">,
  query: string,
  { areColumns, arms: shown }: ShownArms,
): HTMLElement {
  const given = one.answers.filter((answer) => answer !== null);
  const added = [...new Set(given.flatMap((answer) => answer.added))];
  const rows = one.answers.map((answer, index) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, arms[index] ?? ""),
      element("td", {}, ...(answer === null ? ["no prediction"] : chips(answer))),
      element("td", {}, (answer?.categories ?? []).map((at) => categories[at]?.name.replaceAll("_", " ")).join(", ")),
    ),
  );
  const gold = one.gold.length === 0 ? ["none"] : one.gold.map((label) => element("span", { class: "chip" }, label));
  const columns = ["arm", hasLabels ? "labels" : "answer", "error categories"].map((name) =>
    element("th", { scope: "col" }, name),
  );
  const link = element("a", { href: casesFragment({ id: one.id }), title: "Link to this case" }, one.id);
  const title = element("h3", {}, link);
  return element(
    "article",
    { tabindex: "0", class: "case", "aria-label": `Case ${one.id}` },
    title,
    element("p", { class: "text" }, ...marked(one.input, hasLabels ? one.gold : [], hasLabels ? added : [], query)),
    ...(areColumns
      ? [
          element("p", {}, "gold: ", ...gold.flatMap((part) => [part, " "])),
          armColumns(one, { arms, categories }, shown),
        ]
      : [
          element(
            "table",
            {},
            element("caption", { class: "unseen" }, `Predictions for ${one.id}`),
            element("thead", {}, element("tr", {}, ...columns)),
            element(
              "tbody",
              {},
              element(
                "tr",
                { class: "gold" },
                element("th", { scope: "row" }, "gold"),
                spaced(gold),
                element("td", {}),
              ),
              ...rows,
            ),
          ),
          ...generatedText(one, arms),
        ]),
  );
}

/** The arms of a case side by side: labels, categories and generated text. */
function armColumns(
  one: Case,
  { arms, categories }: Pick<Cases, "arms" | "categories">,
  shown: readonly number[] = arms.map((_, index) => index),
): HTMLElement {
  return element(
    "div",
    { class: "arms" },
    ...shown.map((index) => {
      const answer = one.answers[index] ?? null;
      return element(
        "section",
        { "aria-label": arms[index] ?? "" },
        element("h4", {}, arms[index] ?? ""),
        element("p", {}, ...(answer === null ? ["no prediction"] : chips(answer))),
        ...(answer === null || answer.categories.length === 0
          ? []
          : [
              element(
                "p",
                { class: "hint" },
                answer.categories.map((at) => categories[at]?.name.replaceAll("_", " ")).join(", "),
              ),
            ]),
        ...(answer?.text === undefined ? [] : [element("p", { class: "generated" }, answer.text || "(empty)")]),
      );
    }),
  );
}

const spaced = (content: readonly (Node | string)[]): HTMLElement =>
  element("td", {}, ...content.flatMap((part) => [part, " "]));

/** The labels of a prediction. Each has a sign and hidden text in addition to its colour. */
function chips({ right, missed, added }: CaseAnswer): readonly (Node | string)[] {
  const kinds = [
    ["right", "✓", right],
    ["missed", "−", missed],
    ["added", "+", added],
  ] as const;
  const all = kinds.flatMap(([kind, sign, labels]) =>
    labels.flatMap((label) => [
      element(
        "span",
        { class: `chip ${kind}` },
        element("span", { "aria-hidden": "true" }, `${sign} `),
        element("span", { class: "unseen" }, `${kind}: `),
        label,
      ),
      " ",
    ]),
  );
  return all.length === 0 ? ["✓ none, as in gold"] : all;
}

/** The generated text of each arm that generates text. */
function generatedText({ answers }: Case, arms: readonly string[]): readonly HTMLElement[] {
  const written = answers.flatMap((answer, index) =>
    answer?.text === undefined
      ? []
      : [element("dt", {}, arms[index] ?? ""), element("dd", {}, answer.text === "" ? "(empty)" : answer.text)],
  );
  if (written.length === 0) return [];
  return [element("details", {}, element("summary", {}, "Generated text"), element("dl", {}, ...written))];
}

/** Marks the search query and label names in a text. Of overlapping marks, the query wins over gold over added labels. */
function marked(
  text: string,
  gold: readonly string[],
  added: readonly string[],
  query: string,
): readonly (Node | string)[] {
  const lower = text.toLowerCase();
  // A character with a longer lower-case form would shift all later positions.
  if (lower.length !== text.length) return [text];
  const kinds = [
    ["found", query === "" ? [] : [query]],
    ["gold", gold],
    ["added", added],
  ] as const;
  const spans: { from: number; to: number; kind: string }[] = [];
  for (const [kind, names] of kinds) {
    for (const name of names.map((one) => one.toLowerCase())) {
      for (let at = name === "" ? -1 : lower.indexOf(name); at >= 0; at = lower.indexOf(name, at + name.length)) {
        const to = at + name.length;
        // A label name must start at a word boundary: "cystitis" does not match in "cholecystitis".
        if (kind !== "found" && /[\p{L}\p{N}]$/u.test(lower.slice(0, at))) continue;
        if (!spans.some((other) => at < other.to && other.from < to)) spans.push({ from: at, to, kind });
      }
    }
  }
  spans.sort((a, b) => a.from - b.from);
  const parts: (Node | string)[] = [];
  let at = 0;
  for (const { from, to, kind } of spans) {
    parts.push(text.slice(at, from), element("mark", { class: kind }, text.slice(from, to)));
    at = to;
  }
  return [...parts, text.slice(at)];
}
