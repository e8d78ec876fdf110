// The prompt window against a mocked shell.
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PromptView } from "../bindings/PromptView";
import type { RequestView } from "../bindings/RequestView";
import { highRisk, lowRisk, NOW } from "../fixtures/requests";
import { Ticker } from "../lib/ticker.svelte";
import { mockShell } from "../test/shell";
import { ARM_MS } from "./arming.svelte";
import PromptApp from "./PromptApp.svelte";

type Shell = ReturnType<typeof mockShell>;

let shell: Shell;
beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const view = (requests: RequestView[], more: Partial<PromptView> = {}): PromptView => ({
  agent: { state: "connected" },
  requests,
  settings: null,
  accent: null,
  target: { request: null, activation: "unasked", opening: 1 },
  ...more,
});

async function open(first: PromptView, answers: Parameters<typeof mockShell>[1] = {}): Promise<void> {
  shell = mockShell("prompt", { prompt_view: () => first, ...answers });
  const started = Date.now();
  render(PromptApp, { props: { ticker: new Ticker(() => NOW * 1000 + Date.now() - started) } });
  await waitFor(() => expect(shell.of("prompt_view")).toHaveLength(1));
  await vi.advanceTimersByTimeAsync(ARM_MS);
}
const heading = () => screen.getByRole("heading", { level: 1 }).textContent;
const approved: RequestView["state"] = {
  name: "ended",
  outcome: "approved",
  at: NOW,
  by_this_device: true,
  device_name: null,
  receipt: "verified",
  muted_until: null,
  code: null,
  reported_at: null,
};

test("the window is fitted once to what it shows, and the statement is told as shown", async () => {
  await open(view([highRisk]));
  expect(shell.of("fit")).toHaveLength(1);
  expect(shell.of("shown")).toEqual([{ id: highRisk.id }]);
  await shell.send(view([{ ...highRisk, problem: { type: "wrong_code", attempts_left: 1 } }]));
  await screen.findByRole("alert");
  expect(shell.of("fit")).toHaveLength(1);
});

test("an approval carries the code, the statement that was on screen and its language", async () => {
  await open(view([highRisk]));
  await fireEvent.input(screen.getByRole("textbox"), { target: { value: "492817" } });
  await fireEvent.click(screen.getByRole("button", { name: "Approve" }));
  expect(shell.of("decide")).toEqual([
    {
      id: highRisk.id,
      verdict: "approve",
      matchCode: "492817",
      reason: null,
      locale: "en-US",
      statementHash: highRisk.statement_hash,
    },
  ]);
});

test("a refusal by the agent is said in its words, and the request stays", async () => {
  await open(view([lowRisk]), {
    decide: () =>
      Promise.reject({ code: "statement_changed", message: "The request changed. Read it again." }),
  });
  await fireEvent.click(screen.getByRole("button", { name: "Approve" }));
  expect(await screen.findByText("The request changed. Read it again.")).toBeTruthy();
  expect(heading()).toBe("Sign in to Engineering Wiki");
});

test("closing answers nothing", async () => {
  await open(view([highRisk]));
  await fireEvent.keyDown(document.body, { key: "w", ctrlKey: true });
  expect(shell.of("close_window")).toHaveLength(1);
  expect(shell.of("decide")).toEqual([]);
});

test("the request it was opened for comes first, then the oldest one", async () => {
  await open(view([highRisk, lowRisk], { target: { request: lowRisk.id, activation: "asked", opening: 1 } }));
  expect(heading()).toBe("Sign in to Engineering Wiki");
  expect(screen.getByText("Request 2 of 2, oldest first")).toBeTruthy();
  await shell.send(view([highRisk, { ...lowRisk, state: approved }]));
  await waitFor(() => expect(heading()).toBe("Approved"));
  await vi.advanceTimersByTimeAsync(ARM_MS);
  await fireEvent.click(screen.getByRole("button", { name: "Next request" }));
  expect(heading()).toBe("Send €4,250.00 to Meridian Supplies GmbH");
  expect(shell.of("close_window")).toEqual([]);
});

test("a request that arrives does not replace the one on screen, and arms anew", async () => {
  await open(view([lowRisk]));
  await shell.send(view([lowRisk, highRisk]));
  await screen.findByText("Request 1 of 2, oldest first");
  await fireEvent.click(screen.getByRole("button", { name: "Approve" }));
  expect(heading()).toBe("Sign in to Engineering Wiki");
  expect(shell.of("decide")).toEqual([]);
  await fireEvent.click(screen.getByRole("button", { name: "Show all" }));
  await vi.advanceTimersByTimeAsync(ARM_MS);
  await fireEvent.click(screen.getByRole("button", { name: "Show all" }));
  expect(shell.of("open_main")).toHaveLength(1);
});

test("a prompt that opens by itself for another request leaves the one that is being read", async () => {
  const unasked = (opening: number): Partial<PromptView> => ({
    target: { request: highRisk.id, activation: "unasked", opening },
  });
  await open(view([lowRisk, highRisk], unasked(1)));
  expect(screen.getByText("Request 1 of 2, oldest first")).toBeTruthy();
  expect(heading()).toBe("Sign in to Engineering Wiki");
  await shell.send(view([lowRisk, highRisk], unasked(2)));
  expect(heading()).toBe("Sign in to Engineering Wiki");
  await shell.send(view([{ ...lowRisk, state: approved }, highRisk], unasked(3)));
  await waitFor(() => expect(heading()).toBe("Send €4,250.00 to Meridian Supplies GmbH"));
});

test("the last approval closes the window after 4 s", async () => {
  await open(
    view([{ ...lowRisk, state: approved }], {
      target: { request: lowRisk.id, activation: "unasked", opening: 1 },
    }),
  );
  await vi.advanceTimersByTimeAsync(4000);
  expect(shell.of("close_window")).toHaveLength(1);
});

test("a request that vanished says so, and cannot be answered", async () => {
  await open(view([lowRisk]));
  await shell.send(view([]));
  await waitFor(() => expect(heading()).toBe("No longer waiting"));
  expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
});

test("nothing waiting is said, not an empty window", async () => {
  await open(view([]));
  await waitFor(() => expect(heading()).toBe("Nothing to approve"));
  expect(shell.of("fit")).toHaveLength(1);
});

test("an agent of another version is explained", async () => {
  await open(
    view([], { agent: { state: "refused", message: "Restart the agent: it is older than the app." } }),
  );
  expect(await screen.findByText("Restart the agent: it is older than the app.")).toBeTruthy();
});

test("the agent can be started from here", async () => {
  await open(view([], { agent: { state: "not_running", problem: null } }));
  await fireEvent.click(await screen.findByRole("button", { name: "Start it" }));
  expect(shell.of("start_agent")).toHaveLength(1);
});

const elsewhere: RequestView = {
  ...highRisk,
  state: {
    name: "ended",
    outcome: "approved",
    at: NOW,
    by_this_device: false,
    device_name: "laptop",
    receipt: "verified",
    muted_until: null,
    code: null,
    reported_at: null,
  },
};
const past = (request: RequestView) =>
  view([request], { target: { request: request.id, activation: "asked", opening: 1 } });
const press = async (name: string) => fireEvent.click(await screen.findByRole("button", { name }));

test("what another device answered is reported only after it is confirmed, and stays as it was", async () => {
  await open(past(elsewhere), { report: () => new Promise(() => undefined) });
  await press("This wasn’t me");
  expect(document.activeElement?.textContent).toBe("Go back");
  expect(screen.getByText("Report this request?")).toBeTruthy();
  expect(screen.getByText(/What was decided stays as it is/)).toBeTruthy();
  expect(shell.of("report")).toEqual([]);
  await vi.advanceTimersByTimeAsync(ARM_MS);
  await press("Report");
  expect(shell.of("report")).toEqual([{ id: elsewhere.id, locale: "en-US" }]);
  expect(shell.of("decide")).toEqual([]);
  await shell.send(
    past({ ...elsewhere, state: { ...elsewhere.state, reported_at: NOW } as RequestView["state"] }),
  );
  await waitFor(() => expect(heading()).toBe("Reported"));
  expect(screen.queryByRole("button", { name: "This wasn’t me" })).toBeNull();
});

test("a report that the issuer did not get says so and can be repeated", async () => {
  await open(past(elsewhere), {
    report: () => Promise.reject({ code: "unreachable", message: "The report was not sent." }),
  });
  await press("This wasn’t me");
  await vi.advanceTimersByTimeAsync(ARM_MS);
  await press("Report");
  expect((await screen.findByRole("alert")).textContent).toContain("The report was not sent.");
  await press("Report");
  expect(shell.of("report")).toHaveLength(2);
  await press("Go back");
  expect(heading()).toBe("Already approved");
});

test("opened to report, the confirm step is open once the request has ended", async () => {
  const sending: RequestView = { ...highRisk, state: { name: "sending", verdict: "deny" } };
  const target = { request: highRisk.id, activation: "to_report" as const, opening: 1 };
  await open(view([sending], { target }));
  expect(screen.queryByText("Report this request?")).toBeNull();
  const denied: RequestView = {
    ...highRisk,
    state: { ...elsewhere.state, outcome: "denied", by_this_device: true } as RequestView["state"],
  };
  await shell.send(view([denied], { target }));
  expect(await screen.findByText("Report this request?")).toBeTruthy();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(shell.of("close_window")).toEqual([]);
});

test("opened to report before the agent has said anything, the confirm step is open as well", async () => {
  const target = { request: elsewhere.id, activation: "to_report" as const, opening: 1 };
  await open(view([], { agent: { state: "connecting" }, target }));
  await shell.send(view([elsewhere], { target }));
  expect(await screen.findByText("Report this request?")).toBeTruthy();
});

test.each([
  ["was approved here", { by_this_device: true }],
  ["was reported", { reported_at: NOW }],
  ["has no receipt", { receipt: "none" as const }],
  ["ended more than a day ago", { at: NOW - 86_401 }],
])("what %s cannot be reported", async (_what, more) => {
  await open(past({ ...elsewhere, state: { ...elsewhere.state, ...more } as RequestView["state"] }));
  expect(await screen.findByRole("button", { name: "Close" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "This wasn’t me" })).toBeNull();
});

const toType: RequestView = {
  ...lowRisk,
  state: { ...(approved as Extract<RequestView["state"], { name: "ended" }>), receipt: "none", code: "42" },
};

test("a code to type stays on screen, and is copied by the agent when the person asks", async () => {
  await open(past(toType), { copy_code_to_type: () => NOW + 30 });
  expect(heading()).toBe("Type 42 now");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(shell.of("close_window")).toEqual([]);
  expect(shell.of("copy_code_to_type")).toEqual([]);
  await press("Copy code");
  expect(shell.of("copy_code_to_type")).toEqual([{ id: toType.id }]);
  expect((await screen.findAllByText("Copied", { exact: false })).length).toBeGreaterThan(0);
});

test("a code that could not be copied says so and can be tried again", async () => {
  await open(past(toType), {
    copy_code_to_type: () =>
      Promise.reject({ code: "clipboard_unavailable", message: "There is no clipboard." }),
  });
  await press("Copy code");
  expect((await screen.findByRole("alert")).textContent).toContain("clipboard");
  await press("Copy code");
  expect(shell.of("copy_code_to_type")).toHaveLength(2);
});
