import type { JudgeFacts, JudgeMeasure } from "../../pipeline/result-files.ts";
import { integer, plural, score } from "../../util/format.ts";

/** The judge of one arm, under the arm's display name. */
export type ArmJudge = { readonly arm: string; readonly judge: JudgeFacts };

/** Answers without a judgement, the tokens of the judge, and its agreement with people, as sentences. */
export function judgeTexts(arms: readonly ArmJudge[]): readonly string[] {
  const [first] = arms;
  if (first === undefined) return [];
  const failed = arms.filter(({ judge }) => judge.failed > 0);
  const parts = failed.map(({ arm, judge }) => `${arm} ${judge.failed} of ${judge.judged + judge.failed}`);
  const total = (key: "prompt_tokens" | "new_tokens"): string =>
    integer(arms.reduce((sum, { judge }) => sum + judge[key], 0));
  return [
    failed.length === 0
      ? "The judge scored every answer."
      : `Answers that the judge did not score, which judge_score leaves out: ${parts.join(", ")}.`,
    `The judge read ${total("prompt_tokens")} and wrote ${total("new_tokens")} tokens for the answers.`,
    agreementText(first.judge.agreement),
  ];
}

function agreementText(agreement: JudgeFacts["agreement"]): string {
  if (agreement === undefined) return "Its agreement with people is not measured: judge_score is exploratory.";
  const { rated, n, weighted_kappa, equal } = agreement;
  return `Agreement with people on ${plural(n, "answer")} (${rated} rated): weighted kappa ${measure(weighted_kappa)}, equal scores ${measure(equal)}.`;
}

function measure({ value, low, high }: JudgeMeasure): string {
  return low === undefined || high === undefined ? score(value) : `${score(value)} [${score(low)}, ${score(high)}]`;
}
