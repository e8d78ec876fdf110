// Regular backups of the codes: set up, changed and ended, with what was typed kept until it is used.
import { fireEvent, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { mains, quiet } from "../fixtures/main";
import { vault } from "../fixtures/codes";
import { later } from "../test/later";
import { openMain, settled } from "../test/main";

const none = { view: quiet, page: "settings" } as const;
const planned = mains["settings-backups"];
const SET_UP = "Set up…";
const NOW_BUTTON = "Back up now";

const press = async (name: string) => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settled();
};
const choose = async (item: string) => {
  await press("More for backups");
  await fireEvent.click(screen.getByRole("menuitem", { name: item }));
  await settled();
};
const password = () => screen.getByLabelText<HTMLInputElement>("Password");
const again = () => screen.getByLabelText<HTMLInputElement>("Password again");
const type = async (first: string, second = first) => {
  await fireEvent.input(password(), { target: { value: first } });
  await fireEvent.input(again(), { target: { value: second } });
};
const said = (text: string) => screen.getByText(text).getAttribute("role");

test("a folder that was not chosen keeps the question, and the password that was typed twice", async () => {
  const { shell } = await openMain(none, { choose_backups: () => null });
  await press(SET_UP);
  await type("harbour lights");
  await press("Choose the folder…");
  expect(shell.of("choose_backups")).toEqual([{ password: "harbour lights" }]);
  expect(password().value).toBe("harbour lights");
  expect(again().value).toBe("harbour lights");
  expect(screen.queryByRole("alert")).toBeNull();
});

test("once they are set up it is said, and the focus is where they are made", async () => {
  const { shell } = await openMain(none);
  screen.getByRole("button", { name: SET_UP }).focus();
  await press(SET_UP);
  expect(document.activeElement).toBe(password());
  await type("harbour lights");
  await press("Choose the folder…");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(said("Encrypted backups are set up.")).toBe("status");
  await shell.send(planned.view);
  await settled();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: NOW_BUTTON }));
});

test("what was typed does not come again with the next question", async () => {
  await openMain(none);
  await press(SET_UP);
  await type("harbour lights");
  await press("Cancel");
  await press(SET_UP);
  expect(password().value).toBe("");
});

test("a password is typed twice alike, or nothing is asked of the agent", async () => {
  const { shell } = await openMain(none);
  await press(SET_UP);
  await press("Choose the folder…");
  expect(screen.getByRole("alert").textContent).toBe("Type a password first");
  await type("harbour lights", "harbour light");
  await press("Choose the folder…");
  expect(screen.getByRole("alert").textContent).toBe("The two passwords are not the same");
  expect(shell.of("choose_backups")).toEqual([]);
});

test("another folder is said only if one was chosen", async () => {
  const answers = [null, vault];
  const { shell } = await openMain(planned, { choose_backups: () => answers.shift() });
  await choose("Change folder…");
  expect(screen.queryByText("Backups go to this folder from now on.")).toBeNull();
  await choose("Change folder…");
  expect(said("Backups go to this folder from now on.")).toBe("status");
  expect(shell.of("choose_backups")).toEqual([{ password: null }, { password: null }]);
});

test("another password is said, and what went wrong keeps the question", async () => {
  let broken = true;
  await openMain(planned, {
    change_backup_password: () =>
      broken ? Promise.reject({ code: "keyring_locked", message: "The keyring is locked." }) : quiet.vault,
  });
  await choose("Change password…");
  await type("harbour lights");
  await press("Change password");
  expect(screen.getByRole("alert").textContent).toBe("The keyring is locked.");
  broken = false;
  await press("Change password");
  expect(said("The password was changed.")).toBe("status");
});

test("the focus stays when the menu that ended backups is gone with them", async () => {
  const { shell } = await openMain(planned);
  await choose("Stop backups…");
  expect(document.activeElement?.textContent).toBe("Cancel");
  await press("Stop backups");
  expect(shell.of("end_backups")).toHaveLength(1);
  expect(said("No more backups are made.")).toBe("status");
  await shell.send(quiet);
  await settled();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: SET_UP }));
});

test("one backup is made at a time", async () => {
  const { promise, resolve } = later();
  const { shell } = await openMain(planned, { back_up: () => promise });
  await press(NOW_BUTTON);
  await press("Working");
  expect(shell.of("back_up")).toHaveLength(1);
  resolve(quiet.vault);
  await settled();
  expect(said("A backup was made.")).toBe("status");
});
