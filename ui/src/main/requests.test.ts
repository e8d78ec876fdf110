// The page of requests: what waits, what is held back, and whether it is quiet.
import { cleanup, fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
import type { MainView } from "../bindings/MainView";
import { alder } from "../fixtures/accounts";
import { mains, quiet, view } from "../fixtures/main";
import { choice, highRisk, hostile, NOW } from "../fixtures/requests";
import { ARM_MS } from "../prompt/arming.svelte";
import { openMain, settled } from "../test/main";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const click = (name: string | RegExp) => fireEvent.click(screen.getByRole("button", { name }));

test("requests can be denied and reviewed, never approved, from the list", async () => {
  vi.useFakeTimers();
  const { shell } = await openMain(mains["requests-pending"]);
  await vi.advanceTimersByTimeAsync(ARM_MS);
  const row = within(screen.getByRole("article", { name: "Send €4,250.00 to Meridian Supplies GmbH" }));
  await fireEvent.click(row.getByRole("button", { name: /^Deny/ }));
  await fireEvent.click(row.getByRole("button", { name: /^Review/ }));
  expect(shell.of("deny")).toMatchObject([{ id: highRisk.id, statementHash: highRisk.statement_hash }]);
  expect(shell.of("open_prompt")).toEqual([{ id: highRisk.id }]);
  expect(screen.queryByRole("button", { name: /approve/i })).toBeNull();
});

test("a list that has just changed is not clicked into", async () => {
  vi.useFakeTimers();
  const pending = mains["requests-pending"];
  const { shell } = await openMain(pending);
  const deny = (of: number) => screen.getAllByRole("button", { name: /^Deny/ })[of] as HTMLElement;
  const review = () => screen.getAllByRole("button", { name: /^Review/ })[0] as HTMLElement;
  const inert = async () => {
    for (const button of [deny(0), review()]) {
      expect(button.getAttribute("aria-disabled")).toBe("true");
      await fireEvent.click(button);
    }
    expect(shell.of("deny")).toEqual([]);
    expect(shell.of("open_prompt")).toEqual([]);
  };
  await inert();
  await vi.advanceTimersByTimeAsync(ARM_MS - 1);
  await inert();
  await vi.advanceTimersByTimeAsync(1);
  expect(deny(0).getAttribute("aria-disabled")).toBeNull();
  // The first one ends, and the second one is where it was.
  await shell.send({ ...pending.view, requests: [choice] });
  await settled();
  await inert();
  // A snapshot that moves nothing keeps nobody waiting longer.
  await vi.advanceTimersByTimeAsync(ARM_MS / 2);
  await shell.send({ ...pending.view, requests: [{ ...choice }] });
  await vi.advanceTimersByTimeAsync(ARM_MS / 2);
  await fireEvent.click(deny(0));
  expect(shell.of("deny")).toMatchObject([{ id: choice.id }]);
});

test("a notice above the list moves it too", async () => {
  vi.useFakeTimers();
  const { shell } = await openMain(mains["requests-pending"], {
    deny: () => Promise.reject({ code: "not_pending", message: "The request is no longer waiting." }),
  });
  await vi.advanceTimersByTimeAsync(ARM_MS);
  const [deny] = screen.getAllByRole("button", { name: /^Deny/ });
  await fireEvent.click(deny as HTMLElement);
  await settled();
  expect(screen.getByRole("alert").textContent).toContain("no longer waiting");
  await fireEvent.click(deny as HTMLElement);
  expect(shell.of("deny")).toHaveLength(1);
});

test("what was held back is shown for the one client that the person asks for", async () => {
  const { shell } = await openMain(mains["requests-held"]);
  const held = (title: string) => within(screen.getByText(title).closest(".notice") as HTMLElement);
  const burst = held("52 requests from Backup Console are held back");
  expect(burst.getByText(/^Many came at once\./)).toBeTruthy();
  await fireEvent.click(burst.getByRole("button", { name: "Show them" }));
  expect(shell.of("release_held_back")).toEqual([{ account: "alder", clientId: "backup-us" }]);
});

test("what was reported is said to be held back for that, not for its number", async () => {
  await openMain(mains["requests-held"]);
  const title = screen.getByText("1 request from Engineering Wiki is held back");
  const text = title.closest(".notice")?.textContent ?? "";
  expect(text).toContain("Held back because you reported one.");
  expect(text).not.toContain("Many came at once");
});

test("notifications are muted for a while, and again heard", async () => {
  const { shell } = await openMain({ view: quiet, page: "requests" });
  await click("Mute notifications");
  await fireEvent.click(screen.getByRole("menuitem", { name: "For 1 hour" }));
  expect(shell.of("mute")).toEqual([{ until: NOW + 3600 }]);
  await shell.send(mains["requests-muted"].view);
  await settled();
  expect(screen.queryByRole("button", { name: "Mute notifications" })).toBeNull();
  await click("Unmute");
  expect(shell.of("mute")).toEqual([{ until: NOW + 3600 }, { until: null }]);
});

test("a mute that is over is not spoken of", async () => {
  const { status } = mains["requests-muted"].view;
  await openMain({ view: { ...quiet, status: { ...status, muted_until: NOW } }, page: "requests" });
  expect(screen.queryByRole("button", { name: "Unmute" })).toBeNull();
  expect(screen.getByRole("button", { name: "Mute notifications" })).toBeTruthy();
});

test("without the agent nothing can be denied", async () => {
  const { shell } = await openMain(mains["requests-offline"]);
  const [deny] = screen.getAllByRole("button", { name: /^Deny/ });
  expect(deny?.getAttribute("aria-disabled")).toBe("true");
  if (deny) await fireEvent.click(deny);
  expect(shell.of("deny")).toEqual([]);
});

test("the sidebar counts what waits and says that something is wrong", async () => {
  await openMain(mains["requests-pending"]);
  expect(screen.getByRole("link", { name: "Requests 2 waiting" })).toBeTruthy();
  expect(screen.getByRole("link", { name: "Diagnostics Needs attention" })).toBeTruthy();
});

test("text from outside stays text, on every page", async () => {
  const payload = '"><img src=x onerror=alert(1)><script>1</script>';
  const request = hostile(payload);
  const hostileView: MainView = {
    ...view,
    requests: [request, { ...request, id: "2", state: { name: "sending", verdict: "deny" } }],
    accounts: [
      {
        ...alder,
        name: payload,
        issuer_name: payload,
        account: payload,
        issuer_host: payload,
        fingerprint: payload,
        connection: { state: "retrying", at: NOW, problem: payload, cause: "unreachable" },
      },
    ],
  };
  const entry = {
    ...request,
    at: NOW,
    account: "alder",
    outcome: "approved",
    receipt: "verified",
    reported_at: null,
  };
  const check = { name: "x", title: payload, detail: payload, state: "failed", finding: payload, values: {} };
  for (const page of ["requests", "activity", "accounts", "diagnostics"] as const) {
    const { container, unmount } = await openMain(
      {
        view: hostileView,
        page,
        steps: page === "activity" ? [{ click: ".activity summary" }, { see: ".activity__detail" }] : [],
      },
      {
        history: () => [{ ...entry, by_this_device: false, device_name: payload }],
        diagnostics: () => [{ ...check, account: null }],
      },
    );
    expect(container.querySelector("script, img, [onerror], [style]"), page).toBeNull();
    expect(container.textContent, page).toContain(payload);
    unmount();
  }
});
