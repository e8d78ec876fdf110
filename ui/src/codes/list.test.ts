// What the list asks for, and which answers count.
import { expect, test, vi } from "vitest";
import { entries, page, thousands } from "../fixtures/codes";
import { later } from "../test/later";
import { settled } from "../test/main";
import { mockShell } from "../test/shell";
import { CodesList, FIRST, PAGE } from "./list.svelte";

type Page = ReturnType<typeof page>;

test("an answer to an older question is dropped, whichever comes first", async () => {
  const answers = new Map<unknown, ReturnType<typeof later<Page>>>();
  const shell = mockShell("main", {
    list_codes: (args) => {
      const answer = later<Page>();
      answers.set(args["query"], answer);
      return answer.promise;
    },
  });
  const list = new CodesList();
  for (const query of ["h", "ha", "har"]) void list.ask({ query, tag: null });
  expect(shell.of("list_codes")).toHaveLength(3);
  const found = (query: string) => page(entries, { query, tag: null, from: 0, limit: FIRST });
  answers.get("har")?.resolve(found("har"));
  await settled();
  answers.get("h")?.resolve(found("h"));
  await settled();
  expect(list.shown?.query).toBe("har");
  expect(list.total).toBe(1);
  expect(list.entries.get(0)?.id).toBe("harbour");
});

test("a failure of an older question is not told", async () => {
  const first = later<Page>();
  let asked = 0;
  mockShell("main", {
    list_codes: (args) => (asked++ === 0 ? first.promise : page(entries, args)),
  });
  const list = new CodesList();
  void list.ask({ query: "h", tag: null });
  await list.ask({ query: "", tag: null });
  first.reject({ code: "storage", message: "No." });
  await settled();
  expect(list.failure).toBeNull();
  expect(list.total).toBe(entries.length);
});

test("places are asked for when they come into view, each once", async () => {
  const shell = mockShell("main", { list_codes: (args) => page(thousands, args) });
  const list = new CodesList();
  await list.ask({ query: "", tag: null });
  list.look(5_000, 5_020);
  list.look(5_010, 5_030);
  await settled();
  expect(shell.of("list_codes").map(({ from, limit }) => [from, limit])).toEqual([
    [0, FIRST],
    [5_000, PAGE],
  ]);
  expect(list.entries.get(5_029)?.issuer).toBe("Service 05030");
  expect(list.entries.has(4_999)).toBe(false);
});

test("a page with fewer entries than asked for is gone on with", async () => {
  const shell = mockShell("main", {
    list_codes: (args) => page(thousands, { ...args, limit: Math.min(Number(args["limit"]), 20) }),
  });
  const list = new CodesList();
  await list.ask({ query: "", tag: null });
  await settled();
  expect(shell.of("list_codes").map(({ from }) => from)).toEqual([0, 20, 40]);
  expect(list.entries.size).toBe(60);
});

test("when entries have changed in between, no known place counts", async () => {
  let revision = 1;
  const shell = mockShell("main", { list_codes: (args) => page(thousands, args, revision) });
  const list = new CodesList();
  await list.ask({ query: "", tag: null });
  revision = 2;
  list.look(100, 120);
  await vi.waitFor(() => expect(list.revision).toBe(2));
  await settled();
  expect(shell.of("list_codes").map(({ from }) => from)).toEqual([0, FIRST + 50, 100]);
  expect(list.entries.has(0)).toBe(false);
  expect(list.entries.get(119)?.issuer).toBe("Service 00120");
});

test("what is dropped moves the ones after it up", async () => {
  mockShell("main", { list_codes: (args) => page(entries, args) });
  const list = new CodesList();
  await list.ask({ query: "", tag: null });
  list.drop("cobalt");
  list.drop("cobalt");
  expect(list.total).toBe(entries.length - 1);
  expect(list.entries.get(1)?.id).toBe("fjord");
  expect(list.entries.has(entries.length - 1)).toBe(false);
});
