import { expect, test } from "vitest";
import { taskNumbers } from "./client.ts";

test.each([
  ["5", [5]],
  ["0-3,7%20", [0, 1, 2, 3, 7]],
  ["0-8:4", [0, 4, 8]],
  ["N/A", []],
])("array tasks as Slurm lists them: %s", (text, numbers) => {
  expect(taskNumbers(text)).toEqual(numbers);
});
