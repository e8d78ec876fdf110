// Settings: each change goes to the agent, and what it answers is what is shown.
import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { afterEach, expect, test } from "vitest";
import type { SettingsView } from "../bindings/SettingsView";
import { mains } from "../fixtures/main";
import { settings } from "../fixtures/settings";
import { chooseLanguage, languageNames } from "../messages";
import { openMain, settled } from "../test/main";

const own = mains["settings-own"];
const managed = mains["settings-managed"];

afterEach(() => {
  delete document.documentElement.dataset["theme"];
  chooseLanguage(null);
});

async function choose(name: string, value: string): Promise<void> {
  await fireEvent.change(screen.getByRole("combobox", { name }), { target: { value } });
  await settled();
}
const flip = async (name: string) => {
  await fireEvent.click(screen.getByRole("switch", { name }));
  await settled();
};

test("each setting is changed by one call", async () => {
  const { shell } = await openMain(own, { choose_ca_files: () => ["/a.pem"] });
  await flip("Start at log-in");
  await flip("Show details in notifications");
  await flip("Open requests by themselves");
  await flip("Quiet hours");
  await choose("Appearance", "dark");
  await choose("Language", "de");
  const proxy = screen.getByRole("textbox", { name: "Proxy" });
  await fireEvent.input(proxy, { target: { value: " http://p.example:3128 " } });
  await fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await settled();
  await fireEvent.click(screen.getByRole("button", { name: "Add file…" }));
  await settled();
  expect(shell.of("change_setting").map((call) => call["change"])).toEqual([
    { key: "start_at_login", value: false },
    { key: "notifications", value: "detailed" },
    { key: "open_prompt", value: "on_review" },
    { key: "quiet_hours", value: { from: 1320, until: 420 } },
    { key: "appearance", value: "dark" },
    { key: "language", value: "de" },
    { key: "proxy", value: "http://p.example:3128" },
    { key: "ca_files", value: ["/a.pem"] },
  ]);
});

test("what the agent answers is shown, not what was clicked", async () => {
  const { shell } = await openMain(own, { change_setting: () => settings });
  await flip("Start at log-in");
  expect(screen.getByRole<HTMLInputElement>("switch", { name: "Start at log-in" }).checked).toBe(true);
  const changed: SettingsView = { ...settings, values: { ...settings.values, start_at_login: false } };
  await shell.send({ ...own.view, settings: changed });
  await waitFor(() =>
    expect(screen.getByRole<HTMLInputElement>("switch", { name: "Start at log-in" }).checked).toBe(false),
  );
});

test("what the organisation has set is locked, and says by whom", async () => {
  await openMain(managed);
  expect(screen.getByText("Alder Group manages some settings")).toBeTruthy();
  for (const name of ["Start at log-in", "Open requests by themselves"]) {
    const locked = screen.getByRole<HTMLInputElement>("switch", { name });
    expect(locked.disabled).toBe(true);
    expect(locked.closest(".row")?.textContent).toContain("Set by Alder Group.");
  }
  expect(screen.getByRole<HTMLInputElement>("textbox", { name: "Proxy" }).disabled).toBe(true);
  expect(screen.queryByRole("button", { name: "Add file…" })).toBeNull();
  expect(screen.queryByRole("button", { name: /^Remove \// })).toBeNull();
  expect(screen.getByRole<HTMLInputElement>("switch", { name: "Quiet hours" }).disabled).toBe(false);
});

test("quiet hours keep a time that is no half hour, and never begin when they end", async () => {
  const night = mains["settings-quiet-hours"];
  const { shell } = await openMain(night, { change_setting: () => night.view.settings });
  const until = screen.getByRole<HTMLSelectElement>("combobox", { name: "Until" });
  expect(until.value).toBe(String(6 * 60 + 45));
  expect([...until.options].map((option) => option.value)).not.toContain(String(22 * 60));
  await choose("From", String(23 * 60));
  await flip("Quiet hours");
  expect(shell.of("change_setting").map((call) => call["change"])).toEqual([
    { key: "quiet_hours", value: { from: 1380, until: 405 } },
    { key: "quiet_hours", value: null },
  ]);
});

test("a refused value is explained beside its field, which keeps it", async () => {
  await openMain(mains["settings-refused"]);
  expect(screen.getByRole("alert").textContent).toBe("A proxy is written http://host:port.");
  expect(screen.getByRole<HTMLInputElement>("textbox", { name: "Proxy" }).value).toBe("proxy.alder.example");
});

test("a file is taken away, and none is added twice", async () => {
  const file = "/etc/ssl/alder/root-ca.pem";
  const { shell } = await openMain(mains["settings-quiet-hours"], { choose_ca_files: () => [file] });
  await fireEvent.click(screen.getByRole("button", { name: "Add file…" }));
  await settled();
  expect(shell.of("change_setting")).toEqual([]);
  await fireEvent.click(screen.getByRole("button", { name: `Remove ${file}` }));
  const [call] = shell.of("change_setting");
  expect(call?.["change"]).toMatchObject({ key: "ca_files" });
  expect(JSON.stringify(call)).not.toContain(file);
});

test("the appearance is put on the page, and taken off it again", async () => {
  const { shell } = await openMain(own);
  const theme = () => document.documentElement.dataset["theme"];
  expect(theme()).toBeUndefined();
  await shell.send({
    ...own.view,
    settings: { ...settings, values: { ...settings.values, appearance: "dark" } },
  });
  await settled();
  expect(theme()).toBe("dark");
  await shell.send(own.view);
  await settled();
  expect(theme()).toBeUndefined();
});

test("the desktop's accent is put on the page, and taken off it again", async () => {
  const { shell } = await openMain(own);
  const accent = () => document.documentElement.style.getPropertyValue("--c-accent");
  expect(accent()).toBe("");
  await shell.send({ ...own.view, accent: { r: 145, g: 65, b: 172 } });
  await settled();
  expect(accent()).toContain("light-dark(");
  await shell.send(own.view);
  await settled();
  expect(accent()).toBe("");
});

test("settings that cannot be read are explained, and asked for again", async () => {
  let broken = true;
  const failed = mains["settings-failed"];
  const { shell } = await openMain(failed, {
    settings: () => (broken ? Promise.reject({ code: "storage", message: "Line 4." }) : settings),
  });
  expect(screen.getByRole("alert").textContent).toContain("Line 4.");
  broken = false;
  await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settled();
  expect(shell.of("settings")).toHaveLength(2);
  expect(screen.getByRole("switch", { name: "Start at log-in" })).toBeTruthy();
});

test.each([
  ["de-AT", "Deutsch"],
  ["FR", "Français"],
  ["nl", "nl"],
  [null, "Like the system"],
])("the language that is set (%s) is the one that is shown", async (language, text) => {
  await openMain({
    ...own,
    view: { ...own.view, settings: { ...settings, values: { ...settings.values, language } } },
  });
  const select = screen.getByRole<HTMLSelectElement>("combobox", { name: /^(Language|Sprache|Langue)$/ });
  expect(select.selectedOptions[0]?.text).toBe(text);
});

test("languages are named in themselves", () => {
  for (const [tag, name] of Object.entries(languageNames))
    expect(name).toBe(
      new Intl.DisplayNames(tag, { type: "language" }).of(tag)?.replace(/^./, (first) => first.toUpperCase()),
    );
});
