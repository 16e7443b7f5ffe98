import { type Facts, type Placed, wordCount } from "./audit-facts.ts";
import { counted, found, type Rule, rowRule, where } from "./audit-rule.ts";
import { personalKinds } from "./personal.ts";

/** Rules about rows and input texts. */
export const inputRules: readonly Rule[] = [
  {
    code: "unreadable-target",
    severity: "error",
    find: ({ misread }) =>
      found(
        misread.filter(({ isUnseen }) => !isUnseen).map(({ placed }) => where(placed)),
        (count) =>
          `${counted(count, "row")} whose training target the parser does not convert back into the gold, so no answer can be right`,
      ),
  },
  {
    code: "no-rows",
    severity: "error",
    find: ({ parts }) =>
      found(parts.some(({ name }) => name === "train") ? [] : ["train"], () => "the training split has no rows"),
  },
  {
    code: "leak",
    severity: "error",
    find({ byInput }) {
      const shared = byInput.filter((rows) => new Set(rows.map(({ part }) => part)).size > 1).flat();
      const parts = [...new Set(shared.map(({ part }) => part))].join(" and ");
      return found(shared.map(where), (count) => `${counted(count, "row")} whose input occurs in ${parts}`);
    },
  },
  {
    code: "group-leak",
    severity: "error",
    find({ rows }) {
      const groups = new Map<string, Placed[]>();
      for (const placed of rows) {
        const { group } = placed.row;
        if (group === undefined) continue;
        const own = groups.get(group);
        if (own === undefined) groups.set(group, [placed]);
        else own.push(placed);
      }
      const shared = [...groups.values()].filter((own) => new Set(own.map(({ part }) => part)).size > 1).flat();
      const parts = [...new Set(shared.map(({ part }) => part))].join(" and ");
      return found(shared.map(where), (count) => `${counted(count, "row")} whose group occurs in ${parts}`);
    },
  },
  {
    code: "near-leak",
    severity: "warning",
    find({ near }) {
      const apart = near.filter(({ first, second }) => first.part !== second.part);
      return foundPairs(
        apart,
        (count) => `${counted(count, "row")} whose input is nearly the same as one of another split`,
      );
    },
  },
  rowRule({
    code: "empty-input",
    severity: "error",
    is: ({ row }) => row.input.trim() === "",
    what: "without input",
  }),
  rowRule({
    code: "missing-value",
    severity: "error",
    is: ({ row }) =>
      /^(?:nan|null|none|n\/?a|#n\/a|#ref!|#value!|#name\?|#div\/0!|undefined|\?+|-+|\.+)$/i.test(row.input.trim()),
    what: "with a placeholder for a missing value as input, such as NaN or #N/A",
  }),
  {
    code: "same-id",
    severity: "warning",
    find({ rows }) {
      const parts = new Map<string, Placed[]>();
      for (const placed of rows) {
        const same = parts.get(placed.row.id);
        if (same === undefined) parts.set(placed.row.id, [placed]);
        else same.push(placed);
      }
      const same = [...parts.values()].filter((placed) => placed.length > 1).flat();
      return found(same.map(where), (count) => `${counted(count, "row")} with the id of a row of another split`);
    },
  },
  {
    code: "duplicate-input",
    severity: "warning",
    find({ parts, byInput }) {
      const again = parts.flatMap(({ name }) =>
        byInput.flatMap((rows) => rows.filter(({ part }) => part === name).slice(1)),
      );
      return found(
        again.map(where),
        (count) => `${counted(count, "row")} with the same input as an earlier row of the split`,
      );
    },
  },
  {
    code: "near-duplicate",
    severity: "warning",
    find({ near }) {
      const within = near.filter(({ first, second }) => first.part === second.part);
      return foundPairs(
        within,
        (count) => `${counted(count, "row")} whose input is nearly the same as an earlier one of the split`,
      );
    },
  },
  {
    code: "odd-length",
    severity: "warning",
    find(facts) {
      const limits = usualWords(facts);
      const odd = facts.rows.filter(({ row }) => {
        const words = wordCount(row.input);
        return words > 0 && (words < limits.least || words > limits.most);
      });
      return found(
        odd.map((one) => `${where(one)} (${wordCount(one.row.input)} words)`),
        (count) =>
          `${counted(count, "row")} much shorter or longer than others: fewer than ${limits.least} or more than ${limits.most} words`,
      );
    },
  },
  rowRule({
    code: "cut-input",
    severity: "warning",
    is: ({ row }) => row.input.length === 32_767 || row.input.length === 65_535,
    what: "with an input of exactly the length at which spreadsheets or databases truncate text",
  }),
  {
    code: "length-shift",
    severity: "warning",
    find({ parts }) {
      const [train, ...others] = parts.map(({ name, rows }) => ({
        name,
        words: mean(rows.map(({ input }) => wordCount(input))),
      }));
      const far = others.filter(
        ({ words }) => train !== undefined && Math.max(words, train.words) > 1.5 * Math.min(words, train.words),
      );
      return found(
        far.map(
          ({ name, words }) => `${name}: ${words.toFixed(0)} words on average, training ${train?.words.toFixed(0)}`,
        ),
        (count) =>
          `${counted(count, "split")} with inputs at least 1.5 times as long, or as short, as those of training`,
      );
    },
  },
  {
    code: "file-encoding",
    severity: "warning",
    find: ({ recoded }) =>
      found(
        recoded,
        (count) => `${counted(count, "split")} with a file that is not UTF-8 and was read as Windows-1252`,
      ),
  },
  rowRule({
    code: "garbled-text",
    severity: "warning",
    is: ({ row }) =>
      /\ufffd|Ã[\u0080-\u00bf©¨¤¶¼±³]|â€[™œ\u009d“”˜¢¦\u0099]|Â[ °±µ·\u00a0]|ï»¿/.test(row.input + row.answer),
    what: "with characters of a wrong encoding, such as Ã© for é",
  }),
  rowRule({
    code: "invisible-character",
    severity: "warning",
    is: ({ row }) => /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(row.input + row.answer),
    what: "with control or invisible characters",
  }),
  rowRule({
    code: "markup",
    severity: "warning",
    is: ({ row }) =>
      /<\/?(?:br|p|div|span|b|i|u|li|ul|ol|td|tr|table|font|html)\b[^<>]*>|&(?:nbsp|amp|lt|gt|quot|apos|#\d{1,5});/i.test(
        row.input + row.answer,
      ),
    what: "with HTML tags or entities",
  }),
  rowRule({
    code: "answer-in-input",
    severity: "warning",
    is: ({ row }) => row.gold.length > 1 && row.input.toLowerCase().includes(row.answer.trim().toLowerCase()),
    what: "whose input contains the whole target verbatim",
  }),
  {
    code: "personal-data",
    severity: "warning",
    find({ rows }) {
      const kinds = new Map<string, number>();
      const seen = rows.flatMap((placed) => {
        const own = personalKinds(`${placed.row.id}\n${placed.row.input}\n${placed.row.answer}`);
        for (const kind of own) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        return own.length > 0 ? [`${where(placed)} (${own.join(", ")})`] : [];
      });
      const counts = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} ${count}`);
      return found(seen, (count) => `${counted(count, "row")} with possible personal data: ${counts.join(", ")}`);
    },
  },
];

function foundPairs(near: Facts["near"], message: (count: number) => string) {
  const seen = new Set<string>();
  const firsts = near.filter(({ second }) => !seen.has(where(second)) && seen.add(where(second)));
  return found(
    firsts.map(({ first, second, similarity }) => `${where(first)} ~ ${where(second)} (${similarity.toFixed(2)})`),
    message,
  );
}

/** The usual range of words per training input: the quartiles, extended by three times the interquartile range. */
function usualWords({ parts }: Facts): { least: number; most: number } {
  const sorted = (parts[0]?.rows ?? []).map(({ input }) => wordCount(input)).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const [low, middle, high] = [at(0.25), at(0.5), at(0.75)];
  const reach = 3 * Math.max(high - low, middle / 4);
  return { least: Math.max(Math.ceil(low - reach), Math.ceil(middle / 10)), most: Math.floor(high + reach) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
