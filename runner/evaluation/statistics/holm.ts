/** Holm's step-down correction: adjusted p values of one family, which control the family-wise error rate. */
export function holm(values: readonly number[]): readonly number[] {
  const order = [...values.keys()].sort((a, b) => (values[a] as number) - (values[b] as number));
  const adjusted = new Array<number>(values.length);
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (values.length - rank) * (values[index] as number)));
    adjusted[index] = largest;
  }
  return adjusted;
}
