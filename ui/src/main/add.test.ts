// Adding an account: nothing is made before the person agrees, and nothing stays when they leave.
import { fireEvent, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { alder, offer } from "../fixtures/accounts";
import { fresh, mains, quiet } from "../fixtures/main";
import { openMain, settled } from "../test/main";
import { violations } from "../test/axe";

const link = mains["add-pasted"].view.link?.text ?? "";
const other = "countersign://enroll?issuer=https%3A%2F%2Fsso.kestrel.example&code=0123456789abcdefghijkl";
const pasted = mains["add-pasted"];
const offered = mains["add-offer"];

const field = () => screen.getByRole<HTMLTextAreaElement>("textbox");
const click = async (name: string) => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settled();
};

test("a link from outside fills the form and does nothing else", async () => {
  const { shell } = await openMain(pasted);
  expect(field().value).toBe(link);
  expect(
    shell.calls.filter((call) => !call.command.startsWith("plugin:event")).map((call) => call.command),
  ).toEqual(["main_view"]);
  expect(document.activeElement?.tagName).not.toBe("BUTTON");
});

test("shows who offers it before anything is made, and binds only when the person agrees", async () => {
  const { shell } = await openMain(pasted);
  await click("Continue");
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(shell.of("preview_enrolment")).toEqual([{ link }]);
  expect(screen.getByText("id.alder.example")).toBeTruthy();
  expect(screen.getByRole("group", { name: "Fingerprint of the server’s key" }).textContent).toBe(
    offer.fingerprint.replaceAll(" ", ""),
  );
  expect(screen.getByText("Any program running as you can read it.")).toBeTruthy();
  expect(await violations()).toEqual([]);
  expect(shell.of("accept_enrolment")).toEqual([]);
  await click("It matches. Add account");
  expect(screen.getByText("Account added")).toBeTruthy();
  expect(shell.of("accept_enrolment")).toEqual([{ offer: offer.id, deviceName: "mara-thinkpad" }]);
});

test.each([["Not mine"], ["Cancel"], ["Back"]])("%s forgets the offer", async (button) => {
  const { shell } = await openMain(offered);
  await click(button);
  expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
  expect(shell.of("accept_enrolment")).toEqual([]);
});

test("another link from outside forgets the offer on screen", async () => {
  const { shell } = await openMain(offered);
  await shell.send({ ...quiet, link: { text: other, opening: 2 } });
  await settled();
  expect(field().value).toBe(other);
  expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
});

test("a stray shortcut does not leave an offer", async () => {
  const { shell } = await openMain(offered);
  await fireEvent.keyDown(document.body, { key: "1", ctrlKey: true });
  await settled();
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(shell.of("cancel_enrolment")).toEqual([]);
});

test("a device name that cannot be used is not sent", async () => {
  const { shell } = await openMain(offered);
  for (const name of ["  ", "x".repeat(65)]) {
    await fireEvent.input(field(), { target: { value: name } });
    await click("It matches. Add account");
    expect(screen.getByRole("alert").textContent).toBe("Type a name of at most 64 characters first");
  }
  expect(shell.of("accept_enrolment")).toEqual([]);
});

test("what went wrong is said in the agent's words, and the link stays", async () => {
  await openMain(mains["add-refused"]);
  expect(screen.getByRole("alert").textContent).toContain("This link was used before");
  expect(field().value).toBe(link);
});

test("an empty field is asked for its link", async () => {
  const { shell } = await openMain(mains["add-link"]);
  await click("Continue");
  expect(screen.getByRole("alert").textContent).toBe("Paste a link first");
  expect(shell.of("preview_enrolment")).toEqual([]);
});

test.each([
  ["Open a QR image…", "file"],
  ["From the clipboard", "clipboard"],
  ["Scan the screen", "screen"],
])("%s fills the field and asks nobody", async (button, source) => {
  const { shell } = await openMain(mains["add-link"], { read_qr: () => [other] });
  await click(button);
  expect(shell.of("read_qr")).toEqual([{ source }]);
  expect(field().value).toBe(other);
  expect(shell.of("preview_enrolment")).toEqual([]);
});

test("of several codes the person picks one; none is picked for them", async () => {
  await openMain(mains["add-link"], { read_qr: () => [link, other] });
  await click("Scan the screen");
  expect(field().value).toBe("");
  for (const radio of screen.getAllByRole<HTMLInputElement>("radio")) expect(radio.checked).toBe(false);
  await fireEvent.click(screen.getByRole("radio", { name: other }));
  expect(field().value).toBe(other);
});

test("a picture without a code is said, one that was not chosen is not", async () => {
  let codes: string[] | null = [];
  await openMain(pasted, { read_qr: () => codes });
  await click("Open a QR image…");
  expect(screen.getByRole("alert").textContent).toContain("There is no QR code in this image.");
  codes = null;
  await click("Open a QR image…");
  expect(screen.queryByRole("alert")).toBeNull();
  expect(field().value).toBe(link);
});

test("without an account the window begins with adding one, and settings can still be reached", async () => {
  const { shell } = await openMain({ view: fresh, page: "requests" });
  expect(screen.getByRole("heading", { name: "Approve on this computer" })).toBeTruthy();
  expect(document.activeElement).toBe(field());
  await click("Settings");
  expect(screen.getByRole("heading", { level: 1, name: "Settings" })).toBeTruthy();
  await fireEvent.click(screen.getByRole("link", { name: "Requests" }));
  await settled();
  await fireEvent.input(field(), { target: { value: link } });
  await click("Continue");
  // The account is there before the person has read that it is.
  await click("It matches. Add account");
  await shell.send({ ...fresh, accounts: [alder] });
  await settled();
  expect(screen.getByText("Account added")).toBeTruthy();
  await click("Done");
  expect(screen.getByRole("article", { name: "Alder Group" })).toBeTruthy();
});
