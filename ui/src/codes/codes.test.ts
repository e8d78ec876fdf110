// The page of codes: what is asked of the agent, what is shown, and the keyboard.
import { emit } from "@tauri-apps/api/event";
import { fireEvent, screen, within } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { render } from "@testing-library/svelte";
import { answersOf, fails, mains, quiet, vaultOf, type Answers, type MainFixture } from "../fixtures/main";
import type { CameraTrouble } from "../bindings/CameraTrouble";
import { ended, seen } from "../fixtures/camera";
import { batch, codes, entries, page, preview, thousands, vault } from "../fixtures/codes";
import { NOW } from "../fixtures/requests";
import { Ticker } from "../lib/ticker.svelte";
import MainApp from "../main/MainApp.svelte";
import { openMain, settled } from "../test/main";
import { mockShell } from "../test/shell";

afterEach(() => {
  vi.useRealTimers();
  Object.defineProperty(document, "hidden", { value: false, configurable: true });
});

const list = mains["codes-list"];
const row = (name: string) => screen.getByRole("button", { name: `Copy code for ${name}` });
const shownIn = (name: string) => row(name).querySelector(".otp__now")?.textContent;
const names = (container: Element) =>
  Array.from(container.querySelectorAll(".otp[data-place] .row__title bdi"), (title) => title.textContent);
const press = async (key: string, more: KeyboardEventInit = {}) => {
  await fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
  await settled();
};
const choose = async (of: string, item: string) => {
  await fireEvent.click(screen.getByRole("button", { name: of }));
  await settled();
  await fireEvent.click(screen.getByRole("menuitem", { name: item }));
  await settled();
};

/** With a clock that goes. */
async function openAt(fixture: MainFixture, clock: () => number, answers: Answers = {}) {
  const shell = mockShell("main", { ...answersOf(fixture), ...answers });
  const rendered = render(MainApp, { props: { ticker: new Ticker(clock) } });
  await settled();
  return { shell, ...rendered };
}

test("each key press asks the agent once, and the codes of what is in view once", async () => {
  const { shell, container } = await openMain(list);
  const before = shell.of("list_codes").length;
  const field = screen.getByRole("searchbox");
  for (const value of ["w", "wo", "wor"]) {
    await fireEvent.input(field, { target: { value } });
    await tick();
  }
  await settled();
  expect(
    shell
      .of("list_codes")
      .slice(before)
      .map(({ query }) => query),
  ).toEqual(["w", "wo", "wor"]);
  expect(names(container)).toEqual(["Alder Group", "Cobalt Cloud", "Harbour Git"]);
  // Codes that are known and still count are not asked for again.
  expect(shell.of("show_codes")).toHaveLength(1);
});

test("only rows in view are there, and only their codes are asked for", async () => {
  const { shell, container } = await openMain(mains["codes-thousands"]);
  const drawn = container.querySelectorAll(".otprow").length;
  expect(drawn).toBeGreaterThan(5);
  expect(drawn).toBeLessThan(40);
  expect((shell.of("show_codes")[0]?.["ids"] as string[]).length).toBeLessThan(40);
  const first = container.querySelector(".otprow");
  expect(first?.getAttribute("aria-setsize")).toBe("10000");
  // What is not drawn takes its room all the same.
  const gap = container.querySelector(".otpgap:last-child");
  expect(Number(gap?.getAttribute("height"))).toBe((10_000 - drawn) * 60);
});

test("scrolling brings other rows, and the row with the focus stays", async () => {
  const { container } = await openMain(mains["codes-thousands"]);
  row("Service 00001, mara+1@alder.example").focus();
  const body = container.querySelector<HTMLElement>(".page__body");
  const rows = container.querySelector<HTMLElement>(".otps");
  if (!body || !rows) throw new Error("no list");
  // jsdom lays nothing out: the list goes up by what was scrolled.
  rows.getBoundingClientRect = () => new DOMRect(0, -body.scrollTop);
  body.scrollTop = 300_000;
  await fireEvent.scroll(body);
  await settled();
  expect(names(container)).toContain("Service 05001");
  expect(names(container)[0]).toBe("Service 00001");
  expect(document.activeElement).toBe(row("Service 00001, mara+1@alder.example"));
});

test("letters anywhere on the page begin a search, Ctrl+F too", async () => {
  await openMain(list);
  row("Cobalt Cloud, root · 4471-0093").focus();
  await press("h");
  expect(document.activeElement).toBe(screen.getByRole("searchbox"));
  row("Cobalt Cloud, root · 4471-0093").focus();
  await press("f", { ctrlKey: true });
  expect(document.activeElement).toBe(screen.getByRole("searchbox"));
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Codes");
});

test("arrows move between the rows and back to the search", async () => {
  await openMain(list);
  screen.getByRole("searchbox").focus();
  await press("ArrowDown");
  expect(document.activeElement).toBe(row("Alder Group, mara.lindqvist@alder.example"));
  await press("ArrowDown");
  expect(document.activeElement).toBe(row("Cobalt Cloud, root · 4471-0093"));
  await press("End");
  expect(document.activeElement).toBe(row("Steam, mara_l"));
  await press("ArrowDown");
  expect(document.activeElement).toBe(row("Steam, mara_l"));
  await press("Home");
  await press("ArrowUp");
  expect(document.activeElement).toBe(screen.getByRole("searchbox"));
});

test("Enter copies the best match while searching, Ctrl+C the focused code", async () => {
  const { shell } = await openMain(list);
  const field = screen.getByRole("searchbox");
  field.focus();
  await fireEvent.input(field, { target: { value: "harb" } });
  await settled();
  await press("Enter");
  expect(shell.of("copy_code")).toEqual([{ id: "harbour" }]);
  await press("Escape");
  await press("ArrowDown");
  await press("ArrowDown");
  await press("c", { ctrlKey: true });
  expect(shell.of("copy_code").at(-1)).toEqual({ id: "cobalt" });
});

test("a copied code says so in its place for two seconds, and until when", async () => {
  vi.useFakeTimers();
  const { container } = await openMain(list);
  await fireEvent.click(row("Cobalt Cloud, root · 4471-0093"));
  await settled();
  const said = () => container.querySelector(".otp__copied")?.textContent;
  expect(said()).toBe("Copied for 30 s");
  expect(screen.getByText("Code for Cobalt Cloud, root · 4471-0093 copied").getAttribute("role")).toBe(
    "status",
  );
  await vi.advanceTimersByTimeAsync(1999);
  expect(said()).toBe("Copied for 30 s");
  await vi.advanceTimersByTimeAsync(1);
  expect(said()).toBeUndefined();
});

test("a code that stays on the clipboard is just copied", async () => {
  const { container } = await openMain(list, { copy_code: () => null });
  await fireEvent.click(row("Cobalt Cloud, root · 4471-0093"));
  await settled();
  expect(container.querySelector(".otp__copied")?.textContent).toBe("Copied");
});

test("the ring goes once a second, the next code comes in the last ten, and a new one is asked for", async () => {
  vi.useFakeTimers({ now: NOW * 1000 });
  const clock = () => Date.now();
  let until = NOW + 12;
  const { shell, container } = await openAt(list, clock, {
    show_codes: ({ ids }) =>
      codes(entries, ids).map((code) => ({ ...code, until_ms: until * 1000, next: "105332" })),
  });
  await settled();
  const alder = row("Alder Group, mara.lindqvist@alder.example");
  const ring = () =>
    within(alder.closest<HTMLElement>(".otprow") ?? container).getByRole("img", { name: /New code in/ });
  expect(ring().getAttribute("aria-label")).toBe("New code in 12 seconds");
  expect(alder.querySelector(".otp__next")).toBeNull();
  await vi.advanceTimersByTimeAsync(2000);
  expect(ring().getAttribute("aria-label")).toBe("New code in 10 seconds");
  expect(alder.querySelector(".otp__next")?.textContent).toBe("next 105 332");
  expect(ring().closest(".is-soon")).toBeNull();
  await vi.advanceTimersByTimeAsync(5000);
  expect(ring().closest(".is-soon")).not.toBeNull();
  expect(shell.of("show_codes")).toHaveLength(1);
  until = NOW + 42;
  await vi.advanceTimersByTimeAsync(5000);
  expect(shell.of("show_codes")).toHaveLength(2);
  expect(ring().getAttribute("aria-label")).toBe("New code in 30 seconds");
});

test("nothing wakes up while the window cannot be seen", async () => {
  vi.useFakeTimers({ now: NOW * 1000 });
  const clock = vi.fn(() => Date.now());
  const { shell } = await openAt(list, clock);
  await settled();
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  clock.mockClear();
  const asked = shell.calls.length;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(clock).not.toHaveBeenCalled();
  expect(shell.calls).toHaveLength(asked);
  Object.defineProperty(document, "hidden", { value: false, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  await settled();
  expect(shell.of("show_codes")).toHaveLength(2);
});

test("hidden codes are not even asked for; one is shown when it is, until the next one", async () => {
  const { shell } = await openMain(mains["codes-hidden"]);
  expect(shell.of("show_codes")).toEqual([]);
  expect(shownIn("Cobalt Cloud, root · 4471-0093")).toBe("••••••");
  await fireEvent.click(screen.getByRole("button", { name: "Show code for Cobalt Cloud, root · 4471-0093" }));
  await settled();
  expect(shell.of("show_codes")).toEqual([{ ids: ["cobalt"] }]);
  expect(shownIn("Cobalt Cloud, root · 4471-0093")).toBe("730265");
  await fireEvent.click(screen.getByRole("button", { name: "Show code for Fjord University, mlindqvist" }));
  await settled();
  expect(shownIn("Cobalt Cloud, root · 4471-0093")).toBe("••••••");
  await fireEvent.click(row("Harbour Git, mara-l"));
  await settled();
  expect(shell.of("copy_code")).toEqual([{ id: "harbour" }]);
});

test("the eye changes the setting", async () => {
  const { shell } = await openMain(list);
  await fireEvent.click(screen.getByRole("button", { name: "Hide codes" }));
  await settled();
  expect(shell.of("change_setting")).toEqual([{ change: { key: "hide_codes", value: true } }]);
});

test("a counter's code comes when it is asked for, and copying the first one asks for it", async () => {
  const { shell } = await openMain(list);
  expect(shownIn("Meridian Supplies, mara")).toBe("••••••");
  await fireEvent.click(row("Meridian Supplies, mara"));
  await settled();
  expect(shell.of("advance_code")).toEqual([{ id: "meridian" }]);
  expect(shownIn("Meridian Supplies, mara")).toBe("520489");
  await fireEvent.click(row("Meridian Supplies, mara"));
  await settled();
  expect(shell.of("advance_code")).toHaveLength(1);
  expect(shell.of("copy_code")).toHaveLength(2);
  await fireEvent.click(screen.getByRole("button", { name: "Next code for Meridian Supplies, mara" }));
  await settled();
  expect(shell.of("advance_code")).toHaveLength(2);
});

test("codes on display stay when something else changes, and go when the clock's correction does", async () => {
  const { shell } = await openMain(list);
  await fireEvent.click(screen.getByRole("button", { name: "Next code for Meridian Supplies, mara" }));
  await settled();
  const asked = shell.of("show_codes").length;
  await shell.send({ ...quiet, page: "codes", vault: structuredClone({ ...vault, revision: 2 }) });
  await settled();
  expect(shownIn("Meridian Supplies, mara")).toBe("520489");
  expect(shell.of("show_codes")).toHaveLength(asked);
  const clock = { state: "corrected", offset: 40, issuer_name: "Alder Group" };
  await shell.send({ ...quiet, page: "codes", vault: { ...vault, revision: 2, clock } });
  await settled();
  // What follows a counter has nothing to do with the clock.
  expect(shownIn("Meridian Supplies, mara")).toBe("520489");
  expect(shell.of("show_codes")).toHaveLength(asked + 1);
});

test("Enter right after typing copies what was typed for, not what was found before", async () => {
  let answer: () => void = () => undefined;
  const { shell } = await openAt(list, () => NOW, {
    list_codes: (args) =>
      args["query"] === "harbour"
        ? new Promise((resolve) => (answer = () => resolve(page(entries, args))))
        : page(entries, args),
  });
  const field = screen.getByRole("searchbox");
  field.focus();
  await fireEvent.input(field, { target: { value: "harbour" } });
  await press("Enter");
  expect(shell.of("copy_code")).toHaveLength(0);
  answer();
  await settled();
  expect(shell.of("copy_code").map(({ id }) => id)).toEqual(["harbour"]);
});

test("an opened link that cannot be read is tried once, and again when the person says so", async () => {
  const link = { codes_link: { opening: 1 } };
  const { shell } = await openAt({ ...list, view: { ...list.view, ...link } } as MainFixture, () => NOW, {
    preview_opened_link: () => {
      throw { code: "keyring_locked", message: "The keyring is locked." };
    },
  });
  for (const revision of [2, 3]) {
    await shell.send({ ...quiet, page: "codes", ...link, vault: structuredClone({ ...vault, revision }) });
    await settled();
  }
  expect(shell.of("preview_opened_link")).toHaveLength(1);
});

test("what is deleted can be had back in its place, until its time is over", async () => {
  vi.useFakeTimers({ now: NOW * 1000 });
  let all = [...entries];
  const { shell, container } = await openAt(list, () => Date.now(), {
    list_codes: (args) => page(all, args),
    remove_code: ({ id }) => {
      all = all.filter((entry) => entry.id !== id);
      return NOW + 30;
    },
    restore_code: () => {
      all = [...entries];
      return entries[1];
    },
  });
  await choose("More for Cobalt Cloud, root · 4471-0093", "Delete");
  const undo = screen.getByRole("button", { name: "Undo" });
  expect(document.activeElement).toBe(undo);
  expect(undo.closest(".otprow")?.getAttribute("aria-posinset")).toBe("2");
  expect(names(container).slice(0, 2)).toEqual(["Alder Group", "Fjord University"]);
  await fireEvent.click(undo);
  await settled();
  expect(shell.of("restore_code")).toEqual([{ id: "cobalt" }]);
  expect(names(container)[1]).toBe("Cobalt Cloud");
  expect(document.activeElement).toBe(row("Cobalt Cloud, root · 4471-0093"));
  await choose("More for Cobalt Cloud, root · 4471-0093", "Delete");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
  expect(names(container)).toHaveLength(entries.length - 1);
});

test("of several that are deleted each can be had back in its place, and Ctrl+Z brings the last one", async () => {
  let all = [...entries];
  const back = (id: unknown) => {
    const left = new Set([...all.map((entry) => entry.id), id]);
    all = entries.filter((entry) => left.has(entry.id));
    return entries.find((entry) => entry.id === id);
  };
  const { shell, container } = await openMain(list, {
    list_codes: (args) => page(all, args),
    remove_code: ({ id }) => {
      all = all.filter((entry) => entry.id !== id);
      return NOW + 30;
    },
    restore_code: ({ id }) => back(id),
  });
  await choose("More for Cobalt Cloud, root · 4471-0093", "Delete");
  await choose("More for Fjord University, mlindqvist", "Delete");
  await choose("More for Northlight Mail, mara@northlight.example", "Delete");
  const places = () =>
    screen
      .getAllByRole("button", { name: "Undo" })
      .map((button) => button.closest(".otprow")?.getAttribute("aria-posinset"));
  expect(places()).toEqual(["2", "3", "6"]);
  await fireEvent.click(screen.getAllByRole("button", { name: "Undo" })[0] ?? document.body);
  await settled();
  expect(names(container)).toEqual([
    "Alder Group",
    "Cobalt Cloud",
    "Harbour Git",
    "Meridian Supplies",
    "Steam",
  ]);
  expect(places()).toEqual(["3", "6"]);
  await press("z", { ctrlKey: true });
  expect(shell.of("restore_code").at(-1)).toEqual({ id: "northlight" });
  await press("z", { ctrlKey: true });
  expect(names(container)).toEqual(entries.map(({ issuer }) => issuer));
  await press("z", { ctrlKey: true });
  expect(shell.of("restore_code")).toHaveLength(3);
});

test("Alt with an arrow moves an entry among those pinned alike, and the focus goes with it", async () => {
  let all = [...entries];
  const { shell } = await openMain(list, {
    list_codes: (args) => page(all, args),
    move_code: ({ id, before }) => {
      const moved = all.filter((entry) => entry.id === id);
      const rest = all.filter((entry) => entry.id !== id);
      const place = before === null ? rest.length : rest.findIndex((entry) => entry.id === before);
      all = rest.toSpliced(place, 0, ...moved);
    },
  });
  row("Cobalt Cloud, root · 4471-0093").focus();
  await press("ArrowDown", { altKey: true });
  expect(shell.of("move_code")).toEqual([{ id: "cobalt", before: "harbour" }]);
  expect(document.activeElement).toBe(row("Cobalt Cloud, root · 4471-0093"));
  await press("ArrowUp", { altKey: true });
  expect(shell.of("move_code").at(-1)).toEqual({ id: "cobalt", before: "fjord" });
  // Above it is a pinned one.
  await press("ArrowUp", { altKey: true });
  expect(shell.of("move_code")).toHaveLength(2);
  row("Northlight Mail, mara@northlight.example").focus();
  await press("ArrowDown", { altKey: true });
  expect(shell.of("move_code").at(-1)).toEqual({ id: "northlight", before: null });
});

test("groups filter, and are changed with the rest of an entry", async () => {
  const { shell, container } = await openMain(mains["codes-edit"]);
  const dialog = screen.getByRole("dialog");
  await fireEvent.input(within(dialog).getByLabelText("Groups"), {
    target: { value: " Work , Code,, Work" },
  });
  await fireEvent.click(within(dialog).getByRole("button", { name: "Save" }));
  await settled();
  expect(shell.of("edit_code")).toEqual([
    {
      id: "harbour",
      edit: {
        issuer: "Harbour Git",
        account: "mara-l",
        tags: ["Work", "Code"],
        note: "recovery codes are in the safe",
        pinned: false,
      },
    },
  ]);
  const groups = screen.getByRole<HTMLSelectElement>("combobox", { name: "Group" });
  await fireEvent.change(groups, { target: { value: "Work" } });
  await settled();
  expect(shell.of("list_codes").at(-1)).toMatchObject({ tag: "Work", from: 0 });
  expect(names(container)).toHaveLength(3);
});

test("a change elsewhere is shown, and asks for nothing if it was known", async () => {
  let all = entries;
  let revision = 1;
  const { shell, container } = await openMain(list, {
    list_codes: (args) => page(all, args, revision),
  });
  const before = shell.of("list_codes").length;
  await shell.send({ ...quiet, page: "codes" });
  await settled();
  expect(shell.of("list_codes")).toHaveLength(before);
  all = entries.slice(1);
  revision = 2;
  await shell.send({ ...quiet, page: "codes", vault: { ...vault, revision } });
  await settled();
  expect(names(container)[0]).toBe("Cobalt Cloud");
});

test("the clock's correction is applied only when the person says so, by what they were shown", async () => {
  const { shell } = await openMain(mains["codes-clock-off"]);
  expect(shell.of("correct_clock")).toEqual([]);
  await fireEvent.click(screen.getByRole("button", { name: "Correct codes by 2 hours 5 minutes" }));
  await settled();
  expect(shell.of("correct_clock")).toEqual([{ offset: -7_500 }]);
});

test.each([
  ["codes-locked", "Keyring locked", "Unlock…"],
  ["codes-key-gone", "The key of the codes is not found", "Try again"],
  ["codes-unreadable", "The file of the codes cannot be read", "Try again"],
  ["codes-gone", "The file of the codes is gone", "Try again"],
] as const)("%s is explained, and nothing offers to begin anew", async (state, title, button) => {
  const { shell } = await openMain(mains[state]);
  expect(screen.getByRole("heading", { name: title })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Add" })).toBeNull();
  const before = shell.of("list_codes").length;
  await fireEvent.click(screen.getByRole("button", { name: button }));
  await settled();
  expect(shell.of("list_codes")).toHaveLength(before + 1);
});

test("what was typed in is added as it is meant", async () => {
  const { shell } = await openMain(mains["codes-type-advanced"]);
  const dialog = screen.getByRole("dialog");
  const confirm = within(dialog).getByRole("button", { name: "Add code" });
  await fireEvent.click(confirm);
  expect(within(dialog).getByRole("alert").textContent).toBe("Type the site or the account first");
  await fireEvent.input(within(dialog).getByLabelText("Site or organisation"), {
    target: { value: " Kestrel " },
  });
  await fireEvent.input(within(dialog).getByLabelText("Key"), { target: { value: "JBSW Y3DP" } });
  const kind = within(dialog).getByRole<HTMLSelectElement>("combobox", { name: "Kind" });
  await fireEvent.change(kind, { target: { value: "hotp" } });
  await fireEvent.input(within(dialog).getByLabelText("Counter"), { target: { value: "1e3" } });
  await fireEvent.click(confirm);
  expect(within(dialog).getByRole("alert").textContent).toContain("whole number");
  await fireEvent.input(within(dialog).getByLabelText("Counter"), { target: { value: "41" } });
  await fireEvent.click(confirm);
  await settled();
  expect(shell.of("add_code")).toEqual([
    {
      entry: {
        issuer: "Kestrel",
        account: "",
        secret: "JBSW Y3DP",
        kind: { kind: "hotp", algorithm: "sha1", digits: 6, counter: 41 },
      },
    },
  ]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("an import shows what it would add before it does, and is forgotten when it is left", async () => {
  const { shell } = await openMain(mains["codes-import"]);
  const dialog = screen.getByRole("dialog");
  for (const said of ["5 new", "1 already here", "1 cannot be kept"])
    expect(within(dialog).getByText(said)).toBeTruthy();
  expect(within(dialog).getByText('The algorithm "MD5" is not supported.')).toBeTruthy();
  expect(shell.of("apply_import")).toEqual([]);
  await fireEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
  await settled();
  expect(shell.of("cancel_import")).toEqual([{ import: "i1" }]);
  await choose("Add", "Import a file…");
  await fireEvent.click(screen.getByRole("button", { name: "Add 5 codes" }));
  await settled();
  expect(shell.of("apply_import")).toEqual([{ import: "i1" }]);
  expect(shell.of("cancel_import")).toHaveLength(1);
  expect(screen.getByText("5 codes added")).toBeTruthy();
});

test("the codes of a batch are added once all were read", async () => {
  const { shell } = await openMain(mains["codes-import-batch"]);
  const confirm = screen.getByRole("button", { name: "Add 2 codes" });
  await fireEvent.click(confirm);
  await settled();
  expect(shell.of("apply_import")).toEqual([]);
  await fireEvent.click(screen.getAllByRole("button", { name: "Scan the screen" }).at(-1) ?? confirm);
  await settled();
  expect(shell.of("preview_import_qr")).toEqual([
    { source: "screen", codes: "new" },
    { source: "screen", codes: "continued" },
  ]);
});

const inCamera = () => screen.getByRole("dialog", { name: "Read a QR code with the camera" });

test("what is held before the camera is read without the page learning it, and shown before it is added", async () => {
  let found: (answer: unknown) => void = () => undefined;
  const waits = () => new Promise((resolve) => (found = resolve));
  const { shell } = await openMain(list, { preview_import_qr: waits });
  await choose("Add", "Use the camera…");
  expect(within(inCamera()).getByRole("status").textContent).toBe("Turning the camera on");
  await emit("camera", seen);
  await settled();
  expect(within(inCamera()).getByRole("img", { name: "What the camera sees, blurred" })).toBeTruthy();
  expect(shell.of("preview_import_qr")).toEqual([{ source: "camera", codes: "new" }]);
  expect(shell.of("stop_camera")).toEqual([]);
  found({ import: preview });
  await settled();
  expect(screen.getByRole("dialog", { name: "Import from Aegis" })).toBeTruthy();
  expect(shell.of("stop_camera")).toHaveLength(1);
});

test("the camera goes off when its question is left, and what it finds then is forgotten", async () => {
  let found: (answer: unknown) => void = () => undefined;
  const waits = () => new Promise((resolve) => (found = resolve));
  const { shell } = await openMain(list, { preview_import_qr: waits });
  await choose("Add", "Use the camera…");
  await fireEvent.click(within(inCamera()).getByRole("button", { name: "Cancel" }));
  await settled();
  expect(shell.of("stop_camera")).toHaveLength(1);
  found({ import: preview });
  await settled();
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("why there is no picture is said, and it can be tried again", async () => {
  const whys: CameraTrouble[] = ["busy", "nothing_seen"];
  const answer = () => ended(whys.shift() ?? "failed")();
  const { shell } = await openMain(list, { preview_import_qr: answer });
  await choose("Add", "Use the camera…");
  expect(screen.getByRole("alert").textContent).toContain("Another program uses the camera.");
  await fireEvent.click(within(inCamera()).getByRole("button", { name: "Try again" }));
  await settled();
  expect(screen.getByRole("alert").textContent).toContain("No QR code was seen for two minutes");
  expect(shell.of("preview_import_qr")).toHaveLength(2);
});

test("a code that cannot be used is said, and the camera is off", async () => {
  const answers = { preview_import_qr: fails("unknown_format", "This is no code.") };
  await openMain(list, answers);
  await choose("Add", "Use the camera…");
  expect(within(inCamera()).getByRole("alert").textContent).toContain("This is no code.");
  expect(within(inCamera()).queryByRole("img")).toBeNull();
});

test("the next code of a batch can be held before the camera", async () => {
  const { shell } = await openMain(mains["codes-import-batch"], {
    preview_import_qr: ({ codes }) => ({ import: codes === "new" ? batch : preview }),
  });
  await fireEvent.click(screen.getByRole("button", { name: "Use the camera…" }));
  await settled();
  expect(shell.of("preview_import_qr").at(-1)).toEqual({ source: "camera", codes: "continued" });
  expect(screen.queryByText("2 more QR codes belong to these")).toBeNull();
});

test("an export that is not encrypted says so, and one that is needs its password twice", async () => {
  const { shell } = await openMain(mains["codes-export"]);
  const dialog = screen.getByRole("dialog");
  const type = (label: string, value: string) =>
    fireEvent.input(within(dialog).getByLabelText(label), { target: { value } });
  await type("Password", "correct horse");
  await type("Password again", "correct house");
  await fireEvent.click(within(dialog).getByRole("button", { name: "Choose where…" }));
  expect(within(dialog).getByRole("alert").textContent).toBe("The two passwords are not the same");
  await type("Password again", "correct horse");
  await fireEvent.click(within(dialog).getByRole("button", { name: "Choose where…" }));
  await settled();
  expect(shell.of("export_codes")).toEqual([{ form: { form: "encrypted", password: "correct horse" } }]);
  await choose("More", "Export…");
  await fireEvent.click(screen.getByRole("radio", { name: /not encrypted/ }));
  expect(screen.getByRole("alert").textContent).toContain("Whoever has this file has all your codes");
  await fireEvent.click(screen.getByRole("button", { name: "Export unprotected…" }));
  await settled();
  expect(shell.of("export_codes").at(-1)).toEqual({ form: { form: "links" } });
});

test("a QR code is drawn once its warning was read", async () => {
  const { shell } = await openMain(mains["codes-qr-warning"]);
  expect(shell.of("code_qr")).toEqual([]);
  expect(document.querySelector(".qrcode")).toBeNull();
  await fireEvent.click(screen.getByRole("button", { name: "Show QR code" }));
  await settled();
  expect(screen.getByRole("img", { name: /^QR code for Cobalt Cloud/ })).toBeTruthy();
  await fireEvent.click(screen.getByRole("button", { name: "Close" }));
  expect(document.querySelector(".qrcode")).toBeNull();
});

test("a link of codes that the app was opened with is read here, once", async () => {
  const { shell } = await openMain(mains["requests-empty"]);
  await shell.send({ ...quiet, page: "requests", codes_link: { opening: 3 } });
  await settled();
  expect(screen.getByRole("heading", { level: 1, hidden: true }).textContent).toBe("Codes");
  expect(shell.of("preview_opened_link")).toEqual([{ opening: 3 }]);
  expect(shell.of("link_taken")).toEqual([{ opening: 3 }]);
  expect(screen.getByRole("dialog", { name: "Import from Aegis" })).toBeTruthy();
});

test("a link of codes that is pasted where accounts are added is read here", async () => {
  const { shell } = await openMain(mains["add-link"]);
  const link = "otpauth://totp/Kestrel:mara?secret=JBSWY3DP";
  await fireEvent.input(screen.getByLabelText("Link from your organisation"), { target: { value: link } });
  await fireEvent.click(screen.getByRole("button", { name: "Continue" }));
  await settled();
  expect(shell.of("preview_enrolment")).toEqual([]);
  expect(shell.of("preview_import_text")).toEqual([{ text: link }]);
  expect(screen.getByRole("dialog", { name: "Import from Aegis" })).toBeTruthy();
});

test("a PUSH link where an account is added is asked about there, although its scheme is that of codes", async () => {
  const { shell } = await openMain(mains["add-link"]);
  const link = "otpauth://pipush/PIPU0003C8A1?serial=PIPU0003C8A1";
  await fireEvent.input(screen.getByRole("textbox"), { target: { value: link } });
  await fireEvent.click(screen.getByRole("button", { name: "Continue" }));
  await settled();
  expect(shell.of("preview_enrolment")).toEqual([{ link, sha256: null }]);
  expect(shell.of("preview_import_text")).toEqual([]);
});

test("what is pasted among codes and adds an account leaves no question open", async () => {
  const { shell } = await openMain(mains["codes-paste"], { preview_import_text: () => null });
  await fireEvent.input(within(screen.getByRole("dialog")).getByRole("textbox"), {
    target: { value: "pia://pipush/PIPU0003C8A1" },
  });
  await fireEvent.click(screen.getByRole("button", { name: "Continue" }));
  await settled();
  expect(shell.of("preview_import_text")).toEqual([{ text: "pia://pipush/PIPU0003C8A1" }]);
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("without the agent no code is shown as current", async () => {
  const { shell } = await openMain(list);
  await shell.send({ ...quiet, page: "codes", agent: { state: "lost" } });
  await settled();
  expect(shownIn("Alder Group, mara.lindqvist@alder.example")).toBe("••••••");
});

test("thousands of entries are searched by the agent alone", async () => {
  const { shell, container } = await openMain({ ...list, answers: vaultOf(thousands) });
  const field = screen.getByRole("searchbox");
  await fireEvent.input(field, { target: { value: "service 0999" } });
  await settled();
  expect(names(container)[0]).toBe("Service 00999");
  expect(shell.of("list_codes").at(-1)).toMatchObject({ query: "service 0999", from: 0 });
});
