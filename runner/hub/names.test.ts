import { expect, it } from "vitest";
import { isRepository, isRepositoryOrName } from "./names.ts";

it.each(["me/model", "Qwen/Qwen3-8B", "a/b.c_d-e", "_a/b_", `me/${"a".repeat(96)}`])("%s is a repository", (name) =>
  expect([isRepository(name), isRepositoryOrName(name)]).toEqual([true, true]),
);
it("an old repository has no owner", () =>
  expect([isRepository("gpt2"), isRepositoryOrName("gpt2")]).toEqual([false, true]));
it.each([
  ...[
    "me/a--b",
    "me/a..b",
    "../../etc",
    "me/-a",
    "me/a-",
    "me/a.",
    "me/a.git",
    "me/a b",
    "me/a/b",
    "/a",
    "a/",
    "",
    "me/a\n",
  ],
  `me/${"a".repeat(97)}`,
])("%j is none", (name) => expect([isRepository(name), isRepositoryOrName(name)]).toEqual([false, false]));
