// The page of codes by keyboard alone. A browser makes clicks of Enter on a button, and sends the form of a field it is pressed in.
import { fireEvent, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { entries, locked, page, preview } from "../fixtures/codes";
import { mains } from "../fixtures/main";
import { openMain, settled } from "../test/main";

const list = mains["codes-list"];

const focused = () => document.activeElement;
const press = async (key: string, more: KeyboardEventInit = {}) => {
  await fireEvent.keyDown(focused() ?? document.body, { key, ...more });
  await settled();
};
const enter = async () => {
  const on = focused();
  const form = on instanceof HTMLInputElement ? on.form : null;
  if (form) await fireEvent.submit(form);
  else await fireEvent.click(on ?? document.body);
  await settled();
};
const type = async (value: string) => {
  await fireEvent.input(focused() ?? document.body, { target: { value } });
  await settled();
};

test("a file that is encrypted is imported: menu, password, what it would add, added", async () => {
  const { shell } = await openMain(list, { preview_import_file: () => locked });
  screen.getByRole("button", { name: "Add" }).focus();
  await press("ArrowDown");
  await press("End");
  expect(focused()?.textContent).toBe("Import a file…");
  await enter();
  expect(focused()?.getAttribute("type")).toBe("password");
  await type("harbour lights");
  await enter();
  expect(shell.of("unlock_import")).toEqual([{ import: "i1", password: "harbour lights" }]);
  // The field is gone; the button that adds nothing has the focus.
  expect(focused()?.textContent).toBe("Cancel");
  screen.getByRole("button", { name: "Add 5 codes" }).focus();
  await enter();
  expect(shell.of("apply_import")).toEqual([{ import: "i1" }]);
  expect(focused()).toBe(screen.getByRole("button", { name: "Add" }));
});

test("the first import leaves the focus on the page that is no longer empty", async () => {
  let all: typeof entries = [];
  await openMain(mains["codes-empty"], {
    list_codes: (args) => page(all, args),
    preview_import_file: () => preview,
    apply_import: () => (all = entries).length,
  });
  screen.getByRole("button", { name: "Import a file…" }).focus();
  await enter();
  screen.getByRole("button", { name: "Add 5 codes" }).focus();
  await enter();
  expect(focused()).toBe(screen.getByRole("searchbox"));
});

test("an entry is added by hand, its name first", async () => {
  const { shell } = await openMain(list);
  screen.getByRole("button", { name: "Add" }).focus();
  await press("ArrowDown");
  for (let down = 0; down < 4; down += 1) await press("ArrowDown");
  expect(focused()?.textContent).toBe("Type it in…");
  await enter();
  expect(focused()).toBe(screen.getByRole("textbox", { name: "Site or organisation" }));
  await type("Kestrel Energy");
  screen.getByRole("textbox", { name: "Key" }).focus();
  await type("JBSWY3DPEHPK3PXP");
  await enter();
  expect(shell.of("add_code")).toHaveLength(1);
  expect(focused()).toBe(screen.getByRole("button", { name: "Add" }));
});

test("what was deleted can be had back on another list, and from another page", async () => {
  let all = [...entries];
  const { shell } = await openMain(list, {
    list_codes: (args) => page(all, args),
    remove_code: ({ id }) => {
      all = all.filter((entry) => entry.id !== id);
      return 9_999_999_999;
    },
    restore_code: () => {
      all = [...entries];
    },
  });
  screen.getByRole("button", { name: "More for Cobalt Cloud, root · 4471-0093" }).focus();
  await press("ArrowUp");
  await enter();
  expect(focused()?.textContent).toBe("Undo");
  screen.getByRole("searchbox").focus();
  await type("harb");
  const undo = () => screen.getByRole("button", { name: "Undo" });
  expect(undo().closest(".otprow")).toBeNull();
  expect(undo().closest(".notice")?.textContent).toContain("Cobalt Cloud, root · 4471-0093 deleted");
  // The keys act on what was found.
  await press("Enter");
  expect(shell.of("copy_code")).toEqual([{ id: "harbour" }]);
  await press("4", { ctrlKey: true });
  await press("2", { ctrlKey: true });
  undo().focus();
  await enter();
  expect(shell.of("restore_code")).toEqual([{ id: "cobalt" }]);
  expect(focused()?.textContent).toContain("Cobalt Cloud");
  expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
});

test("what has no place in what was found leaves the focus in the search", async () => {
  let all = [...entries];
  await openMain(list, {
    list_codes: (args) => page(all, args),
    remove_code: ({ id }) => {
      all = all.filter((entry) => entry.id !== id);
      return 9_999_999_999;
    },
    restore_code: () => {
      all = [...entries];
    },
  });
  screen.getByRole("button", { name: "More for Cobalt Cloud, root · 4471-0093" }).focus();
  await press("ArrowUp");
  await enter();
  screen.getByRole("searchbox").focus();
  await type("harb");
  screen.getByRole("button", { name: "Undo" }).focus();
  await enter();
  expect(focused()).toBe(screen.getByRole("searchbox"));
});
