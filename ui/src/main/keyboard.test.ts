// The keyboard map of the main window.
import { fireEvent, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { mains } from "../fixtures/main";
import { openMain, settled } from "../test/main";

const title = () => screen.getByRole("heading", { level: 1, hidden: true }).textContent;
const press = async (key: string, more: KeyboardEventInit = { ctrlKey: true }) => {
  await fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
  await settled();
};

test.each([
  ["1", "Requests"],
  ["2", "Codes"],
  ["3", "Activity"],
  ["4", "Accounts"],
  ["5", "Settings"],
  ["6", "Diagnostics"],
  [",", "Settings"],
])("Ctrl+%s opens %s", async (key, page) => {
  await openMain({ ...mains["accounts-list"], page: page === "Accounts" ? "requests" : "accounts" });
  await press(key);
  expect(title()).toBe(page);
  expect(document.activeElement?.tagName).toBe("H1");
});

test("the page that is open is kept for the next time", async () => {
  const { shell } = await openMain(mains["accounts-list"]);
  expect(title()).toBe("Accounts");
  await press("5");
  expect(shell.of("remember_page")).toEqual([{ page: "settings" }]);
});

test("a page that was chosen before anything is known stays open", async () => {
  const { view } = mains["accounts-list"];
  let answer: (view: unknown) => void = () => undefined;
  const later = new Promise((resolve) => (answer = resolve));
  await openMain(mains["accounts-list"], { main_view: () => later });
  await press("3");
  answer({ ...view, page: "accounts" });
  await settled();
  expect(title()).toBe("Activity");
});

test("Ctrl+F searches the activity", async () => {
  await openMain(mains["accounts-list"]);
  await press("f");
  expect(title()).toBe("Activity");
  expect(document.activeElement).toBe(screen.getByRole("searchbox"));
});

test("Ctrl+N adds an account, Escape leaves it", async () => {
  await openMain(mains["accounts-list"]);
  await press("n");
  expect(title()).toBe("Add an account");
  await press("Escape", {});
  expect(title()).toBe("Accounts");
});

test("Ctrl+W closes the window", async () => {
  const { shell } = await openMain(mains["accounts-list"]);
  await press("w");
  expect(shell.of("close_window")).toHaveLength(1);
});

test("an open question keeps the page", async () => {
  await openMain(mains["accounts-remove"]);
  for (const key of ["1", "n", "f"]) await press(key);
  expect(title()).toBe("Accounts");
});

test("a pressed letter alone does nothing", async () => {
  await openMain(mains["accounts-list"]);
  for (const key of ["1", "n", "f"]) await press(key, {});
  expect(title()).toBe("Accounts");
});
