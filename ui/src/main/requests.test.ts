// The page of requests: what waits, what is held back, and whether it is quiet.
import { fireEvent, screen, within } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { MainView } from "../bindings/MainView";
import { alder } from "../fixtures/accounts";
import { mains, quiet, view } from "../fixtures/main";
import { highRisk, hostile, NOW } from "../fixtures/requests";
import { openMain, settled } from "../test/main";

const click = (name: string | RegExp) => fireEvent.click(screen.getByRole("button", { name }));

test("requests can be denied and reviewed, never approved, from the list", async () => {
  const { shell } = await openMain(mains["requests-pending"]);
  const row = within(screen.getByRole("article", { name: "Send €4,250.00 to Meridian Supplies GmbH" }));
  await fireEvent.click(row.getByRole("button", { name: /^Deny/ }));
  await fireEvent.click(row.getByRole("button", { name: /^Review/ }));
  expect(shell.of("deny")).toMatchObject([{ id: highRisk.id, statementHash: highRisk.statement_hash }]);
  expect(shell.of("open_prompt")).toEqual([{ id: highRisk.id }]);
  expect(screen.queryByRole("button", { name: /approve/i })).toBeNull();
});

test("what was held back is shown when the person asks for it", async () => {
  const { shell } = await openMain(mains["requests-held"]);
  expect(screen.getByText("47 requests from Backup Console are held back")).toBeTruthy();
  await click("Show them");
  expect(shell.of("release_held_back")).toEqual([{ account: "alder" }]);
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
  const entry = { ...request, at: NOW, account: "alder", outcome: "approved", receipt: "verified" };
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
