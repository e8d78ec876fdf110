// What has ended: found, opened, kept.
import { cleanup, fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
import { mains, quiet, type MainFixture } from "../fixtures/main";
import { answer, entries, many } from "../fixtures/history";
import { NOW } from "../fixtures/requests";
import { openMain, settled } from "../test/main";
import { PAGE } from "./history.svelte";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const list: MainFixture = { view: quiet, page: "activity" };
const titles = (container: Element) =>
  [...container.querySelectorAll(".activity .row__title")].map((title) => title.textContent);

const type = (value: string) =>
  fireEvent.input(screen.getByRole("searchbox", { name: "Search activity" }), { target: { value } });

async function choose(name: string, text: string): Promise<void> {
  const select = screen.getByRole<HTMLSelectElement>("combobox", { name });
  const index = [...select.options].findIndex((option) => option.text === text);
  select.selectedIndex = index;
  await fireEvent.change(select);
  await settled();
}

test("entries stand under the day they ended on, newest first", async () => {
  await openMain(list);
  const days = screen.getAllByRole("heading", { level: 2 }).map((day) => day.textContent);
  expect(days.slice(0, 3)).toEqual(["Today", "Yesterday, November 21", "Friday, November 20"]);
  expect(days.at(-1)).toContain("2025");
});

test("an entry opens to every line as it was shown, and to its receipt", async () => {
  const { container } = await openMain(mains["activity-open"]);
  const [first] = entries;
  expect(first).toBeDefined();
  const lines = container.querySelectorAll(".activity__detail [data-line]");
  expect(lines).toHaveLength(first?.lines.length ?? 0);
  expect(screen.getByText("DE89 3704 0044 0532 0130 00")).toBeTruthy();
  expect(screen.getByText(first?.txn ?? "")).toBeTruthy();
  expect(container.querySelector(".activity__detail")?.textContent).toContain(
    "Signed by Alder Group. It matches what was shown.",
  );
});

test("a receipt that does not verify is never called verified", async () => {
  const { container } = await openMain(mains["activity-damaged"]);
  const damaged = container.querySelector<HTMLElement>(".activity[open]");
  expect(damaged).not.toBeNull();
  if (!damaged) return;
  expect(within(damaged).getByText("Receipt does not verify")).toBeTruthy();
  expect(damaged.textContent).not.toContain("Receipt verified");
  expect(damaged.textContent).toContain("Tell the administrators of Alder Group.");
});

test("a receipt is saved, shown and hidden again", async () => {
  const { shell } = await openMain(mains["activity-receipt"]);
  expect(shell.of("evidence")).toEqual([{ id: "h1" }]);
  expect(shell.of("export_receipt")).toEqual([{ id: "h1" }]);
  expect(screen.getByText("Saved as receipt-7Q4KM2XD.json")).toBeTruthy();
  expect(screen.getByRole("region", { name: "Signed receipt" }).textContent).toContain(
    "countersign-evidence",
  );
  await fireEvent.click(screen.getByRole("button", { name: "Hide signed receipt" }));
  expect(screen.queryByRole("region", { name: "Signed receipt" })).toBeNull();
});

test("the agent searches once the hands rest, and filters by outcome and account", async () => {
  vi.useFakeTimers();
  const { shell, container } = await openMain(list);
  const before = shell.of("history").length;
  for (const value of [" W", " Wi", " Wiki "]) {
    await type(value);
    await vi.advanceTimersByTimeAsync(149);
  }
  expect(shell.of("history")).toHaveLength(before);
  await vi.advanceTimersByTimeAsync(1);
  expect(shell.of("history")).toHaveLength(before + 1);
  expect(shell.of("history").at(-1)).toEqual({
    limit: PAGE,
    before: null,
    filter: { text: "Wiki", outcome: null, account: null },
  });
  expect(new Set(titles(container))).toEqual(new Set(["Sign in to Engineering Wiki"]));
  await choose("Outcome", "Taken back");
  await choose("Account", "Alder Group");
  expect(shell.of("history").at(-1)?.["filter"]).toEqual({
    text: "Wiki",
    outcome: "cancelled",
    account: "alder",
  });
  expect(titles(container)).toHaveLength(1);
});

test("without a match the way back is offered", async () => {
  const { container } = await openMain(mains["activity-no-match"]);
  expect(screen.getByRole("heading", { name: "No match" })).toBeTruthy();
  await fireEvent.click(screen.getByRole("button", { name: "Show all activity" }));
  await settled();
  expect(titles(container)).toHaveLength(entries.length);
  expect(screen.getByRole<HTMLInputElement>("searchbox").value).toBe("");
});

test("an answer to an older question is not shown", async () => {
  vi.useFakeTimers();
  const answers: (() => void)[] = [];
  const { shell, container } = await openMain(list, {
    history: (args) => new Promise((resolve) => answers.push(() => resolve(answer(entries, args)))),
  });
  for (const text of ["w", "wiki"]) {
    await type(text);
    await vi.advanceTimersByTimeAsync(150);
  }
  // One question at a time: the second one waits for the first, and is the newest.
  expect(shell.of("history")).toHaveLength(1);
  answers[0]?.();
  await settled();
  expect(titles(container)).toEqual([]);
  expect(shell.of("history")).toHaveLength(2);
  answers[1]?.();
  await settled();
  expect(new Set(titles(container))).toEqual(new Set(["Sign in to Engineering Wiki"]));
});

test("a long history comes in pages, none twice", async () => {
  const { shell, container } = await openMain(mains["activity-long"]);
  expect(titles(container)).toHaveLength(PAGE);
  await fireEvent.click(screen.getByRole("button", { name: "Show older" }));
  await settled();
  expect(shell.of("history").at(-1)?.["before"]).toBe(many[PAGE - 1]?.id);
  expect(titles(container)).toHaveLength(2 * PAGE);
});

test("what has just ended comes to the top, and older pages stay", async () => {
  let all = many.slice(1);
  const { shell, container } = await openMain(list, { history: (args) => answer(all, args) });
  await fireEvent.click(screen.getByRole("button", { name: "Show older" }));
  await settled();
  all = many;
  const [ended] = mains["requests-pending"].view.requests.slice(-1);
  await shell.send({ ...quiet, requests: [ended] });
  await settled();
  expect(titles(container)).toHaveLength(2 * PAGE + 1);
});

test("what is filtered is what is exported", async () => {
  const { shell } = await openMain(list);
  await choose("Outcome", "Denied");
  await fireEvent.click(screen.getByRole("button", { name: "Export…" }));
  await settled();
  expect(shell.of("export_activity")).toEqual([{ filter: { text: null, outcome: "denied", account: null } }]);
  expect(screen.getByText("Saved as activity-2026-11-22.jsonl")).toBeTruthy();
});

test("after a failure it can be tried again", async () => {
  let broken = true;
  const { container } = await openMain(list, {
    history: (args) => (broken ? Promise.reject({ code: "storage", message: "No." }) : answer(entries, args)),
  });
  expect(screen.getByRole("alert").textContent).toContain("No.");
  broken = false;
  await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settled();
  expect(titles(container)).toHaveLength(entries.length);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("an entry that was not the person's is reported after a question, and says so", async () => {
  const { shell, container } = await openMain(list, {
    report: ({ id }: Record<string, unknown>) => ({
      ...entries.find((entry) => entry.id === id),
      reported_at: NOW,
    }),
  });
  const entry = [...container.querySelectorAll<HTMLDetailsElement>(".activity")].find((one) =>
    one.textContent.includes("Mara’s workstation"),
  );
  expect(entry).toBeDefined();
  if (!entry) return;
  entry.open = true;
  await fireEvent(entry, new Event("toggle"));
  await fireEvent.click(within(entry).getByRole("button", { name: "This wasn’t me" }));
  const question = screen.getByRole("alertdialog", { name: "Report this request?" });
  expect(document.activeElement?.textContent).toBe("Go back");
  await fireEvent.click(within(question).getByRole("button", { name: "Go back" }));
  expect(shell.of("report")).toEqual([]);
  await fireEvent.click(within(entry).getByRole("button", { name: "This wasn’t me" }));
  await fireEvent.click(screen.getByRole("button", { name: "Report" }));
  await settled();
  expect(shell.of("report")).toEqual([{ id: "h4", locale: "en-US" }]);
  expect(within(entry).getAllByText("Reported by you").length).toBeGreaterThan(0);
  expect(within(entry).queryByRole("button", { name: "This wasn’t me" })).toBeNull();
});

test("what was approved here, has no receipt or is old cannot be reported", async () => {
  const { container } = await openMain(list);
  for (const [index, entry] of container.querySelectorAll<HTMLDetailsElement>(".activity").entries()) {
    entry.open = true;
    await fireEvent(entry, new Event("toggle"));
    const offered = within(entry).queryByRole("button", { name: "This wasn’t me" }) !== null;
    expect(offered, entries[index]?.id).toBe(entries[index]?.id === "h4");
  }
});
