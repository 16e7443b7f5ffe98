import { type AuditOptions, factsOf, gather, type SplitFacts, type SplitName, type Splits } from "./audit-facts.ts";
import { inputRules } from "./audit-inputs.ts";
import { labelRules } from "./audit-labels.ts";
import type { Finding, Rule } from "./audit-rule.ts";
import { isDirty } from "./dirty.ts";

export { type AuditOptions, type SplitFacts, type SplitName, type Splits, type Spread, spread } from "./audit-facts.ts";
export type { Finding } from "./audit-rule.ts";

/** What `audit.json` holds. */
export type Audit = {
  readonly splits: Readonly<Partial<Record<SplitName, SplitFacts>>>;
  readonly findings: readonly Finding[];
  /**
   * Ids of rows whose gold is not a list of labels (sentences, reasoning), by split. Results are reported with and
   * without them.
   */
  readonly dirty: Readonly<Partial<Record<SplitName, readonly string[]>>>;
};

const rules: readonly Rule[] = [...inputRules, ...labelRules];

/** Codes that the audit can report, for `data.accept` and the documentation. */
export const auditCodes: readonly string[] = rules.map(({ code }) => code);

/** Audits all splits together. */
export function audit(splits: Splits, options: AuditOptions = {}): Audit {
  const facts = gather(splits, options);
  const findings = (facts.hasLabels ? rules : inputRules).flatMap(({ code, severity, find }) => {
    const result = find(facts);
    const accepted = severity === "error" && code !== "no-rows" && (options.accept?.includes(code) ?? false);
    return result ? [{ severity, code, ...result, accepted }] : [];
  });
  const dirty = facts.parts.map(({ name, rows }) => [
    name,
    rows.filter(({ gold }) => isDirty(gold)).map(({ id }) => id),
  ]);
  return {
    splits: Object.fromEntries(facts.parts.map((part) => [part.name, factsOf(part, facts)])),
    findings,
    dirty: Object.fromEntries(dirty),
  };
}

/** The findings that stop a run. */
export function blocking({ findings }: Audit): readonly Finding[] {
  return findings.filter(({ severity, accepted }) => severity === "error" && !accepted);
}
