// The main window: its states, and against a mocked shell.
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { MainView } from "../bindings/MainView";
import { account, mains, offer, type MainFixture } from "../fixtures/main";
import { highRisk, hostile, NOW } from "../fixtures/requests";
import { Ticker } from "../lib/ticker.svelte";
import { violations } from "../test/axe";
import { mockShell } from "../test/shell";
import Main from "./Main.svelte";
import MainApp from "./MainApp.svelte";

const acts = () => ({
  onpage: vi.fn(),
  onadd: vi.fn(),
  onreview: vi.fn(),
  ondeny: vi.fn(),
  onstart: vi.fn(),
});

describe.each(Object.entries<MainFixture>(mains))("%s", (_name, fixture) => {
  test("breaks no accessibility rule and carries no inline style", async () => {
    const { container } = render(Main, { props: { failure: null, ...fixture, now: NOW, ...acts() } });
    expect(await violations()).toEqual([]);
    expect(container.querySelector("[style]")).toBeNull();
  });
});

test("text from outside stays text", () => {
  const payload = '"><img src=x onerror=alert(1)><script>1</script>';
  const request = hostile(payload);
  const shown = {
    ...account,
    issuer_name: payload,
    account: payload,
    issuer_host: payload,
    fingerprint: payload,
  };
  const view: MainView = {
    ...mains["main-requests"].view,
    requests: [request, { ...request, id: "2", state: { name: "sending", verdict: "deny" } }],
    accounts: [{ ...shown, connection: { state: "retrying", at: NOW, problem: payload } }],
  };
  for (const page of ["requests", "accounts"] as const) {
    const { container, unmount } = render(Main, {
      props: { failure: payload, view, page, now: NOW, ...acts() },
    });
    expect(container.querySelector("script, img, [onerror], [style]")).toBeNull();
    expect(container.textContent).toContain(payload);
    unmount();
  }
});

test("requests can be denied and reviewed, never approved, from the list", async () => {
  const done = acts();
  render(Main, { props: { failure: null, ...mains["main-requests"], now: NOW, ...done } });
  const row = within(screen.getByRole("article", { name: "Send €4,250.00 to Meridian Supplies GmbH" }));
  await fireEvent.click(row.getByRole("button", { name: /^Deny/ }));
  await fireEvent.click(row.getByRole("button", { name: /^Review/ }));
  expect(done.ondeny).toHaveBeenCalledExactlyOnceWith(highRisk);
  expect(done.onreview).toHaveBeenCalledExactlyOnceWith(highRisk);
  expect(screen.queryByRole("button", { name: /approve/i })).toBeNull();
});

test("every account says what protects its key and how it is connected", () => {
  render(Main, { props: { failure: null, ...mains["main-accounts"], now: NOW, ...acts() } });
  const facts = (name: string) => screen.getByRole("article", { name }).textContent;
  expect(facts("Alder Group")).toContain("Cannot be copied, and signs only after your PIN.");
  expect(facts("Alder Group")).toContain(account.fingerprint);
  expect(facts("Kestrel Energy")).toContain("Stated by this app, not proven to Kestrel Energy.");
  expect(facts("Kestrel Energy")).toContain("Trying again in 12 s.");
  expect(facts("Harbour Git")).toContain("Your accounts are still there.");
  expect(facts("Old Mill Bank")).toContain("removed this computer");
});

describe("adding an account", () => {
  const link = "countersign://enroll?issuer=https%3A%2F%2Fid.alder.example&code=0123456789abcdefghijkl";
  let shell: ReturnType<typeof mockShell>;
  afterEach(() => {
    cleanup();
  });

  async function open(opened: string | null, answers: Parameters<typeof mockShell>[1] = {}): Promise<void> {
    const view: MainView = {
      ...mains["main-accounts-empty"].view,
      link: opened === null ? null : { text: opened, opening: 1 },
    };
    shell = mockShell("main", { main_view: () => view, preview_enrolment: () => offer, ...answers });
    render(MainApp, { props: { ticker: new Ticker(() => NOW * 1000) } });
    await waitFor(() => expect(shell.of("main_view")).toHaveLength(1));
  }
  const click = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

  test("a link from outside fills the form and does nothing else", async () => {
    await open(link);
    const field = await screen.findByRole<HTMLTextAreaElement>("textbox");
    expect(field.value).toBe(link);
    expect(
      shell.calls.filter((call) => !call.command.startsWith("plugin:event")).map((call) => call.command),
    ).toEqual(["main_view"]);
    expect(document.activeElement?.tagName).not.toBe("BUTTON");
  });

  test("shows who offers it before anything is made, and binds only when the person agrees", async () => {
    await open(link, { accept_enrolment: () => account });
    await screen.findByRole("textbox");
    await click("Continue");
    await screen.findByText("Is this the right account?");
    expect(shell.of("preview_enrolment")).toEqual([{ link }]);
    expect(screen.getByText("id.alder.example")).toBeTruthy();
    expect(screen.getByRole("group", { name: "Fingerprint of the server’s key" }).textContent).toBe(
      offer.fingerprint.replaceAll(" ", ""),
    );
    expect(screen.getByText("Any program running as you can read it.")).toBeTruthy();
    expect(await violations()).toEqual([]);
    expect(shell.of("accept_enrolment")).toEqual([]);
    await click("It matches. Add account");
    await screen.findByText("Account added");
    expect(shell.of("accept_enrolment")).toEqual([{ offer: offer.id, deviceName: "mara-thinkpad" }]);
  });

  test("a refused offer is forgotten", async () => {
    await open(link);
    await screen.findByRole("textbox");
    await click("Continue");
    await screen.findByText("Is this the right account?");
    await click("Not mine");
    expect(shell.of("cancel_enrolment")).toEqual([{ offer: offer.id }]);
    expect(shell.of("accept_enrolment")).toEqual([]);
  });

  test("what went wrong is said in the agent's words, and the link stays", async () => {
    const message = "This link was used before, or its time is over. Ask for a new one.";
    await open(null, { preview_enrolment: () => Promise.reject({ code: "offer_refused", message }) });
    await fireEvent.keyDown(document.body, { key: "n", ctrlKey: true });
    const field = await screen.findByRole<HTMLTextAreaElement>("textbox");
    await click("Continue");
    expect(screen.getByRole("alert").textContent).toBe("Paste a link first");
    await fireEvent.input(field, { target: { value: link } });
    await click("Continue");
    expect(await screen.findByText(message)).toBeTruthy();
    expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toBe(link);
  });
});
