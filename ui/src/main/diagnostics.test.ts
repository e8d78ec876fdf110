// Diagnostics: what was found, again, and as a report.
import { fireEvent, screen, within } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { failing } from "../fixtures/checks";
import { mains, view } from "../fixtures/main";
import { isKey } from "../messages";
import { openMain, settled } from "../test/main";
import { report, summary } from "./checks";

const mixed = mains["diagnostics-mixed"];
const NOW = 1_795_357_938;

test("the account with a failure is shown first, hop by hop", async () => {
  const { container } = await openMain(mixed);
  expect(screen.getByRole("heading", { name: "Connection to Field work" })).toBeTruthy();
  const hops = [...container.querySelectorAll(".hops .row__title")].map((hop) => hop.textContent);
  expect(hops).toEqual([
    "Address of proxy.kestrel.example:3128: Passed",
    "Proxy: Passed",
    "Certificate of sso.kestrel.example: Failed",
    "Answer of sso.kestrel.example: Skipped",
    "Connection to Kestrel Energy: Skipped",
    "Clock against Kestrel Energy: Warning",
    "Messages of Kestrel Energy: Warning",
  ]);
});

test("another account is chosen by its name", async () => {
  const { container } = await openMain(mixed);
  await fireEvent.change(screen.getByRole("combobox", { name: "Account" }), { target: { value: "alder" } });
  expect(container.querySelector(".hops")?.textContent).toContain("for 61 more days");
});

test("failures and warnings are counted, and all well is said", () => {
  expect(summary(failing)).toBe("1 failed, 2 warnings");
  expect(summary(failing.filter((check) => check.state !== "failed"))).toBe("2 warnings");
  expect(summary([])).toBe("All passed");
});

test("every finding of these has a text to be translated", () => {
  for (const check of failing) {
    expect(isKey(`check.${check.finding}`), check.finding).toBe(true);
    expect(isKey(`check.title.${check.name.split(".").at(-1) ?? ""}`), check.name).toBe(true);
  }
});

test("F5 runs the checks again, one run at a time", async () => {
  const { shell } = await openMain(mains["diagnostics-again"]);
  expect(shell.of("diagnostics")).toHaveLength(2);
  await fireEvent.keyDown(document.body, { key: "F5" });
  await settled();
  expect(shell.of("diagnostics")).toHaveLength(2);
  const run = screen.getByRole("button", { name: "Run again" });
  expect(run.getAttribute("aria-disabled")).toBe("true");
});

test("F5 opens the page from any other", async () => {
  const { shell } = await openMain(mains["accounts-list"]);
  await fireEvent.keyDown(document.body, { key: "F5" });
  await settled();
  expect(screen.getByRole("heading", { level: 1, name: "Diagnostics" })).toBeTruthy();
  expect(shell.of("diagnostics").length).toBeGreaterThan(0);
});

test("the report is copied: every check, by server, without account labels", async () => {
  const { shell } = await openMain(mains["diagnostics-copied"]);
  const [copied] = shell.of("copy_text");
  const text = String(copied?.["text"]);
  expect(text).toBe(report(failing, view.accounts, NOW));
  for (const check of failing) expect(text).toContain(check.detail);
  expect(text).toContain("FAILED sso.kestrel.example: Certificate");
  for (const account of view.accounts) expect(text).not.toContain(account.account);
  expect(within(screen.getByRole("main")).getByText("Copied")).toBeTruthy();
});
