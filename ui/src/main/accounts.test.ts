// Accounts: what is said of them, and what can be done to them.
import { fireEvent, screen, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { Reports } from "../bindings/Reports";
import { alder, fjord } from "../fixtures/accounts";
import { mains, view } from "../fixtures/main";
import { openMain, settled } from "../test/main";
import { capabilities, connection } from "./account";

const list = mains["accounts-list"];
const facts = (name: string) => screen.getByRole("article", { name }).textContent;

async function pick(account: string, entry: string): Promise<void> {
  await fireEvent.click(screen.getByRole("button", { name: `More for ${account}` }));
  await fireEvent.click(screen.getByRole("menuitem", { name: entry }));
  await settled();
}
const press = async (name: string) => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settled();
};

test("every account says what protects its key and how it is connected", async () => {
  await openMain(list);
  expect(facts("Alder Group")).toContain("Cannot be copied, and signs only after your PIN.");
  expect(facts("Alder Group")).toContain(alder.fingerprint);
  expect(facts("Field work")).toContain("Stated by this app, not proven to Kestrel Energy.");
  expect(facts("Field work")).toContain("Trying again in 12 s.");
  expect(facts("Harbour Git")).toContain("Your accounts are still there.");
  expect(facts("Old Mill Bank")).toContain("removed this computer");
});

test("a long wait is told in minutes", () => {
  const again = (seconds: number) => {
    const at = 1000 + seconds;
    const cause = "refused" as const;
    return connection({ ...fjord, connection: { state: "retrying", at, problem: "No.", cause } }, 1000).text;
  };
  expect(again(119)).toContain("Trying again in 119 s.");
  expect(again(3540)).toContain("Trying again in 59 min.");
});

test("every account says what its server cannot do", async () => {
  await openMain(list);
  expect(facts("Alder Group")).toContain("your answer is tied to the text shown");
  for (const limit of [
    "Answers are not tied to the text shown.",
    "Whether a refusal can carry a report, it says with each request.",
    "It does not say when a request ends.",
  ])
    expect(facts("Fjord University")).toContain(limit);
});

test("whether reports are taken is said as soon as the server has", () => {
  const says = (reports: Reports) =>
    capabilities({ ...fjord, capabilities: { ...fjord.capabilities, reports } }).text;
  expect(says("not_taken")).toContain("A refusal cannot carry a report.");
  expect(says("taken")).not.toContain("report");
});

test("a name of one's own stands first, the issuer beside it", async () => {
  await openMain(list);
  expect(screen.getByRole("heading", { name: "Field work" })).toBeTruthy();
  expect(facts("Field work")).toContain("Kestrel Energy");
});

test("a clock that is wrong is told, one that is right is not", async () => {
  await openMain(list);
  expect(facts("Field work")).toContain("clock is 2 minutes 5 seconds behind");
  expect(facts("Alder Group")).not.toContain("clock");
});

test("the menu opens on its first entry, moves by arrow keys and gives the focus back", async () => {
  await openMain(list);
  const more = screen.getByRole("button", { name: "More for Alder Group" });
  await fireEvent.click(more);
  const focused = () => document.activeElement?.textContent;
  const key = async (name: string) => {
    if (document.activeElement) await fireEvent.keyDown(document.activeElement, { key: name });
  };
  expect(focused()).toBe("Rename…");
  await key("ArrowUp");
  expect(focused()).toBe("Remove account…");
  await key("ArrowDown");
  await key("ArrowDown");
  expect(focused()).toBe("Check connection");
  await key("End");
  expect(focused()).toBe("Remove account…");
  await key("Escape");
  expect(screen.queryByRole("menu")).toBeNull();
  expect(document.activeElement).toBe(more);
});

test("what a server cannot do is not offered", async () => {
  await openMain(list);
  await fireEvent.click(screen.getByRole("button", { name: "More for Fjord University" }));
  const items = screen.getAllByRole("menuitem").map((item) => item.textContent);
  expect(items).not.toContain("Emergency: revoke this computer…");
  expect(items).not.toContain("Rotate key…");
  expect(items).toContain("Check connection");
  expect(items).toContain("Remove account…");
});

test("a revoked account can only be renamed, checked and removed", async () => {
  await openMain(list);
  await fireEvent.click(screen.getByRole("button", { name: "More for Old Mill Bank" }));
  expect(screen.getAllByRole("menuitem").map((item) => item.textContent)).toEqual([
    "Rename…",
    "Check connection",
    "Remove account…",
  ]);
});

describe.each([
  ["Rotate key…", "Cancel", "Rotate key", "rotate_key"],
  ["Emergency: revoke this computer…", "Go back", "Revoke this computer", "revoke_device"],
  ["Remove account…", "Keep account", "Remove account", "remove_account"],
])("%s", (entry, safe, confirm, command) => {
  test("asks first, with the focus on the answer that changes nothing", async () => {
    const { shell } = await openMain(list);
    await pick("Alder Group", entry);
    expect(screen.getByRole("alertdialog")).toBeTruthy();
    expect(document.activeElement?.textContent).toBe(safe);
    await press(safe);
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(shell.of(command)).toEqual([]);
    expect(document.activeElement?.getAttribute("aria-label")).toBe("More for Alder Group");
  });

  test("Escape changes nothing either", async () => {
    const { shell } = await openMain(list);
    await pick("Alder Group", entry);
    // What the web view makes of the key in an open dialog.
    await fireEvent(screen.getByRole("alertdialog"), new Event("cancel", { cancelable: true }));
    await settled();
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(shell.of(command)).toEqual([]);
  });

  test("a second press while it is being done does nothing more", async () => {
    const { shell } = await openMain(list, { [command]: () => new Promise(() => undefined) });
    await pick("Alder Group", entry);
    await press(confirm);
    await press("Working");
    await press(safe);
    expect(shell.of(command)).toHaveLength(1);
    expect(screen.getByRole("alertdialog")).toBeTruthy();
  });

  test("is done when the person agrees, and said", async () => {
    const { shell } = await openMain(list);
    await pick("Alder Group", entry);
    await press(confirm);
    expect(shell.of(command)).toEqual([{ account: "alder" }]);
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(document.querySelector(".said")?.textContent).toContain("Alder Group");
  });

  test("what went wrong is said in the question, which stays", async () => {
    await openMain(list, { [command]: () => Promise.reject({ code: "unreachable", message: "No answer." }) });
    await pick("Alder Group", entry);
    await press(confirm);
    expect(within(screen.getByRole("alertdialog")).getByRole("alert").textContent).toBe("No answer.");
  });
});

test("an account is renamed, and given its issuer's name back", async () => {
  const { shell } = await openMain(list);
  await pick("Field work", "Rename…");
  const field = screen.getByRole<HTMLInputElement>("textbox", { name: "Your name for this account" });
  expect(document.activeElement).toBe(field);
  expect(field.value).toBe("Field work");
  await fireEvent.input(field, { target: { value: "  Rounds " } });
  await press("Save name");
  await pick("Field work", "Rename…");
  await fireEvent.input(screen.getByRole("textbox"), { target: { value: " " } });
  await press("Save name");
  expect(shell.of("rename_account")).toEqual([
    { account: "kestrel", name: "Rounds" },
    { account: "kestrel", name: null },
  ]);
});

test("a name that is too long is not sent", async () => {
  const { shell } = await openMain(list);
  await pick("Alder Group", "Rename…");
  await fireEvent.input(screen.getByRole("textbox"), { target: { value: "ä".repeat(65) } });
  await press("Save name");
  expect(screen.getByRole("alert").textContent).toBe("Type at most 64 characters");
  expect(shell.of("rename_account")).toEqual([]);
});

test("a question about an account that is gone goes with it", async () => {
  const { shell } = await openMain(list);
  await pick("Alder Group", "Remove account…");
  await shell.send({ ...view, accounts: view.accounts.slice(1) });
  await settled();
  expect(screen.queryByRole("alertdialog")).toBeNull();
});

test("the connection of an account is checked under diagnostics", async () => {
  const { shell } = await openMain(list);
  await pick("Alder Group", "Check connection");
  expect(screen.getByRole("heading", { name: "Connection to Alder Group" })).toBeTruthy();
  expect(shell.of("diagnostics").length).toBeGreaterThan(0);
});

test("how often a server is asked is chosen for one account, and only where it has to be asked", async () => {
  const { shell } = await openMain(list, { set_polling: () => alder });
  const rhythm = screen.getByRole("combobox", { name: "How often it is asked: Fjord University" });
  expect(screen.queryByRole("combobox", { name: "How often it is asked: Alder Group" })).toBeNull();
  await fireEvent.change(rhythm, { target: { value: "10" } });
  await settled();
  expect(shell.of("set_polling")).toEqual([{ account: "fjord", seconds: 10 }]);
});

test("an account that waits after trouble can be asked for at once, one that is connected is asked anyway", async () => {
  const { shell } = await openMain(list, { refresh_account: () => alder });
  await pick("Field work", "Ask the server now");
  expect(shell.of("refresh_account")).toEqual([{ account: "kestrel" }]);
  await fireEvent.click(screen.getByRole("button", { name: "More for Fjord University" }));
  expect(screen.queryByRole("menuitem", { name: "Ask the server now" })).toBeNull();
});

test("a server that could not be asked is said as trouble, until the next try", async () => {
  let answer = (): unknown => Promise.reject({ code: "unreachable", message: "No answer." });
  await openMain(
    { view: mains["accounts-collection"].view, page: "accounts" },
    { refresh_account: () => answer() },
  );
  await pick("Grove Hospital", "Ask the server now");
  expect(screen.getByRole("alert").textContent).toContain("No answer.");
  expect(document.querySelector(".said")?.textContent.trim()).toBe("");
  answer = () => alder;
  await pick("Grove Hospital", "Ask the server now");
  expect(screen.queryByRole("alert")).toBeNull();
  expect(document.querySelector(".said")?.textContent).toContain("Grove Hospital is being asked.");
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "More for Grove Hospital" }));
});
