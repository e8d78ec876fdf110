// Adding an account: nothing is made before the person agrees, and nothing stays when they leave.
import { fireEvent, screen, within } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { EnrolledView } from "../bindings/EnrolledView";
import type { Preview } from "../bindings/Preview";
import type { QrTexts } from "../bindings/QrTexts";
import type { MainView } from "../bindings/MainView";
import { alder, codeName, enrolled, offer, untrusted, waitingCode } from "../fixtures/accounts";
import { looking } from "../fixtures/camera";
import { fresh, mains, quiet, texts } from "../fixtures/main";
import { later } from "../test/later";
import { openMain, settled } from "../test/main";
import { violations } from "../test/axe";

const link = mains["add-pasted"].view.link?.text ?? "";
const other = "countersign://enroll?issuer=https%3A%2F%2Fsso.kestrel.example&code=0123456789abcdefghijkl";
const pasted = mains["add-pasted"];
const offered = mains["add-offer"];
const another: MainView = { ...quiet, link: { text: other, opening: 2 } };
const waits = "Another link was opened. It is filled in when this one is done.";

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
  ).toEqual(["main_view", "link_taken"]);
  expect(document.activeElement?.tagName).not.toBe("BUTTON");
});

test("shows who offers it before anything is made, and binds only when the person agrees", async () => {
  const { shell } = await openMain(pasted);
  await click("Continue");
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(shell.of("preview_enrolment")).toEqual([{ link, sha256: null }]);
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

test("nobody is asked to compare what the link does not say", async () => {
  const { shell } = await openMain(mains["add-push-offer"]);
  expect(screen.queryByRole("group", { name: "Fingerprint of the server’s key" })).toBeNull();
  expect(document.body.textContent).not.toContain("Compare the fingerprint");
  expect(screen.getByText("mfa.fjord.example")).toBeTruthy();
  await click("Add account");
  expect(shell.of("accept_enrolment")).toEqual([{ offer: "offer-2", deviceName: "mara-thinkpad" }]);
});

test("of a container the person is told what it may do, and to check the server's name", async () => {
  await openMain(mains["add-offer-collection"]);
  const lead = document.querySelector(".assistant__lead")?.textContent;
  expect(lead).toContain("add and remove accounts and codes here");
  expect(lead).toContain("Check the server’s name.");
  expect(document.body.textContent).not.toMatch(/compare it then|Compare the fingerprint/);
  expect(await violations()).toEqual([]);
});

test("what nobody here trusts is asked about first, and again with what the person trusts", async () => {
  const answers = [
    { type: "untrusted", value: untrusted },
    { type: "offer", value: { ...offer, trusted: [untrusted.certificate] } },
  ];
  const { shell } = await openMain(pasted, { preview_enrolment: () => answers.shift() });
  await click("Continue");
  expect(screen.getByText("This server is not known yet")).toBeTruthy();
  const shown = screen.getByRole("group", { name: "SHA-256 of the certificate" }).textContent;
  expect(shown.replaceAll(":", "")).toBe(untrusted.certificate.sha256.replaceAll(":", ""));
  expect(screen.getByText(/need not be checked/)).toBeTruthy();
  expect(await violations()).toEqual([]);
  expect(shell.of("preview_enrolment")).toEqual([{ link, sha256: null }]);
  await click("It matches. Trust it for this account");
  expect(shell.of("preview_enrolment").at(-1)).toEqual({ link, sha256: untrusted.certificate.sha256 });
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(screen.getByText("Fjord internal CA")).toBeTruthy();
});

test.each([["Do not trust it"], ["Back"]])("%s leaves nothing trusted", async (button) => {
  const { shell } = await openMain(pasted, {
    preview_enrolment: () => ({ type: "untrusted", value: untrusted }),
  });
  await click("Continue");
  await click(button);
  expect(field().value).toBe(link);
  expect(shell.of("preview_enrolment")).toHaveLength(1);
});

test.each([["Not mine"], ["Cancel"], ["Back"]])("%s forgets the offer", async (button) => {
  const { shell } = await openMain(offered);
  await click(button);
  expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
  expect(shell.of("accept_enrolment")).toEqual([]);
});

test("a link that the form has is not offered again", async () => {
  const { shell } = await openMain(pasted);
  expect(shell.of("link_taken")).toEqual([{ opening: 1 }]);
  await click("Cancel");
  // A snapshot that was under way still carries it.
  await shell.send(pasted.view);
  await settled();
  expect(screen.getByRole("heading", { level: 1, name: "Accounts" })).toBeTruthy();
  expect(shell.of("link_taken")).toHaveLength(1);
});

test("another link replaces one that nothing is under way for", async () => {
  const { shell } = await openMain(pasted);
  await shell.send(another);
  await settled();
  expect(field().value).toBe(other);
  expect(screen.queryByText(waits)).toBeNull();
  expect(shell.of("link_taken")).toEqual([{ opening: 1 }, { opening: 2 }]);
});

test("another link waits for the offer on screen", async () => {
  const { shell } = await openMain(offered);
  await shell.send(another);
  await settled();
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(screen.getByText(waits)).toBeTruthy();
  expect(shell.of("cancel_enrolment")).toEqual([]);
  expect(shell.of("link_taken")).toEqual([{ opening: 1 }]);
  await click("Not mine");
  expect(field().value).toBe(other);
  expect(screen.queryByText(waits)).toBeNull();
  expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
  expect(shell.of("preview_enrolment")).toEqual([{ link, sha256: null }]);
});

test("another link waits for the key that is being made, and until its account was read", async () => {
  const made = later<EnrolledView>();
  const { shell } = await openMain(offered, { accept_enrolment: () => made.promise });
  await click("It matches. Add account");
  await shell.send(another);
  await settled();
  expect(screen.getByText(waits)).toBeTruthy();
  made.resolve(enrolled);
  await settled();
  expect(screen.getByText("Account added")).toBeTruthy();
  expect(shell.of("cancel_enrolment")).toEqual([]);
  await click("Done");
  expect(field().value).toBe(other);
});

test("another link does not end the question to the server", async () => {
  const asked = later<Preview>();
  const { shell } = await openMain(pasted, { preview_enrolment: () => asked.promise });
  await click("Continue");
  await shell.send(another);
  await settled();
  expect(field().value).toBe(link);
  asked.resolve({ type: "offer", value: offer });
  await settled();
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
});

test.each(["Cancel", "Escape"])(
  "%s gives the question up, and an offer that comes late is refused",
  async (way) => {
    const asked = later<Preview>();
    const { shell } = await openMain(pasted, { preview_enrolment: () => asked.promise });
    await click("Continue");
    if (way === "Escape") await fireEvent.keyDown(document.body, { key: "Escape" });
    else await click("Cancel");
    await settled();
    expect(screen.getByRole("heading", { level: 1, name: "Accounts" })).toBeTruthy();
    expect(shell.of("cancel_enrolment")).toEqual([]);
    asked.resolve({ type: "offer", value: offer });
    await settled();
    expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
    expect(screen.queryByText("Is this the right account?")).toBeNull();
  },
);

test("the first form of all can give its question up too, and ask again", async () => {
  const answers = [later<Preview>(), later<Preview>()];
  const left = [...answers];
  const { shell } = await openMain(
    { view: fresh, page: "requests" },
    { preview_enrolment: () => left.shift()?.promise },
  );
  expect(screen.queryByRole("button", { name: "Cancel" })).toBeNull();
  await fireEvent.input(field(), { target: { value: link } });
  await click("Continue");
  await click("Cancel");
  expect(field().value).toBe(link);
  await click("Continue");
  answers[0]?.resolve({ type: "offer", value: { ...offer, id: "late" } });
  await settled();
  expect(shell.of("cancel_enrolment")).toEqual([{ offer: "late" }]);
  expect(screen.queryByText("Is this the right account?")).toBeNull();
  answers[1]?.resolve({ type: "offer", value: offer });
  await settled();
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
});

test("a failure of a question that was given up is not spoken of", async () => {
  const asked = later<Preview>();
  await openMain({ view: fresh, page: "requests" }, { preview_enrolment: () => asked.promise });
  await fireEvent.input(field(), { target: { value: link } });
  await click("Continue");
  await click("Cancel");
  asked.reject({ code: "unreachable", message: "No answer." });
  await settled();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("while the key is made nothing is given up, and why is said", async () => {
  const why = "The key is being made. Wait until it is there";
  const { shell } = await openMain(mains["add-making"]);
  for (const name of ["Back", "Cancel", "Not mine"]) {
    const button = screen.getByRole("button", { name, description: why });
    expect(button.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.click(button);
    await settled();
    expect(screen.getByRole("alert").textContent).toBe(why);
  }
  expect(screen.getByText("Is this the right account?")).toBeTruthy();
  expect(shell.of("cancel_enrolment")).toEqual([]);
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
  const { shell } = await openMain(mains["add-link"], { read_qr: () => texts(other) });
  await click(button);
  expect(shell.of("read_qr")).toEqual([{ source }]);
  expect(field().value).toBe(other);
  expect(shell.of("preview_enrolment")).toEqual([]);
});

test("a code held before the camera fills the field, and Escape there only turns the camera off", async () => {
  let answer: () => unknown = looking;
  const { shell } = await openMain(mains["add-camera"], { read_qr: () => answer() });
  await fireEvent.keyDown(screen.getByRole("dialog"), { key: "Escape" });
  expect(screen.getByRole("heading", { name: "Add an account" })).toBeTruthy();
  expect(shell.of("stop_camera")).toHaveLength(0);
  answer = () => texts(other);
  await fireEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Cancel" }));
  await settled();
  expect(shell.of("stop_camera")).toHaveLength(1);
  await click("Use the camera…");
  expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toBe(other);
});

test("one-time codes that were read wait on their page, and the form does not learn them", async () => {
  const { shell } = await openMain(mains["add-pasted"], {
    read_qr: () => ({ links: [], codes: "waiting" }),
  });
  await shell.send({ ...quiet, codes_link: { opening: 3 } });
  await settled();
  expect(screen.getByRole("heading", { name: "Add an account" })).toBeTruthy();
  await click("Scan the screen");
  expect(screen.getByRole("heading", { name: "Codes" })).toBeTruthy();
  expect(shell.of("preview_opened_link")).toEqual([{ opening: 3 }]);
});

test("of several codes the person picks one; none is picked for them", async () => {
  await openMain(mains["add-link"], { read_qr: () => texts(link, other) });
  await click("Scan the screen");
  expect(field().value).toBe("");
  for (const radio of screen.getAllByRole<HTMLInputElement>("radio")) expect(radio.checked).toBe(false);
  await fireEvent.click(screen.getByRole("radio", { name: other }));
  expect(field().value).toBe(other);
});

test("a picture without a code is said, one that was not chosen is not", async () => {
  let found: QrTexts | null = texts();
  await openMain(pasted, { read_qr: () => found });
  await click("Open a QR image…");
  expect(screen.getByRole("alert").textContent).toContain("There is no QR code in this image.");
  found = null;
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

test("says before anything is made that a one-time code comes along, and afterwards where it is", async () => {
  await openMain(mains["add-offer-code"], {
    accept_enrolment: () => ({ ...enrolled, code: { state: "kept", name: codeName } }),
  });
  expect(screen.getByText("A one-time code. It is added to Codes")).toBeTruthy();
  await click("It matches. Add account");
  expect(screen.getByText(codeName)).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a code that could not be kept is said beside the account, and can be tried again", async () => {
  let locked = true;
  const { shell } = await openMain(mains["add-code-waiting"], {
    apply_import: () => {
      if (locked) throw waitingCode.state === "waiting" ? waitingCode.error : "";
      return 1;
    },
  });
  expect(screen.getByText("Account added")).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("keyring is locked");
  expect(await violations()).toEqual([]);
  await click("Try again");
  expect(screen.getByRole("alert").textContent).toContain("keyring is locked");
  locked = false;
  await click("Try again");
  expect(shell.of("apply_import")).toEqual([{ import: "7" }, { import: "7" }]);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByText(codeName)).toBeTruthy();
});

test("a code that is lost is said to be", async () => {
  await openMain(mains["add-code-waiting"], {
    apply_import: () => {
      throw { code: "not_found", message: "This import is not known any more." };
    },
  });
  await click("Try again");
  expect(screen.getByRole("alert").textContent).toContain("Ask Alder Group for another one.");
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});
