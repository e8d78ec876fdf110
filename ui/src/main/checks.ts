// What the diagnostics found, for people and as a report.
import type { AccountView } from "../bindings/AccountView";
import type { Check } from "../bindings/Check";
import type { CheckState } from "../bindings/CheckState";
import type { IconName } from "../lib/icons";
import { said } from "../lib/said";
import { t } from "../messages";

export const LOOK: Record<CheckState | "running", { icon: IconName; tone: string }> = {
  running: { icon: "arc", tone: "" },
  passed: { icon: "ok", tone: "is-ok" },
  warning: { icon: "warn", tone: "is-warn" },
  failed: { icon: "fail", tone: "is-fail" },
  skipped: { icon: "skip", tone: "" },
};

/** What is checked. The last part of its name says it for every account. */
export function title(check: Check): string {
  return said(`check.title.${check.name.split(".").at(-1) ?? ""}`, check.title, check.values);
}

export function detail(check: Check): string {
  return said(`check.${check.finding}`, check.detail, check.values);
}

/** "1 failed, 1 warning" */
export function summary(checks: Check[]): string {
  const count = (state: CheckState) => checks.filter((check) => check.state === state).length;
  const failures = count("failed");
  const warnings = count("warning");
  const parts = {
    failures: t("diagnostics.failures", { count: failures }),
    warnings: t("diagnostics.warnings", { count: warnings }),
  };
  if (failures > 0 && warnings > 0) return t("diagnostics.summary", parts);
  if (failures > 0) return parts.failures;
  return warnings > 0 ? parts.warnings : t("diagnostics.all_passed");
}

/**
 * For whoever helps: as the agent says it, each account by its server's name. No account label and no key is in it; the
 * agent puts no secret into a check.
 */
export function report(checks: Check[], accounts: AccountView[], now: number): string {
  const time = new Date(now * 1000).toISOString();
  const host = (id: string) => accounts.find((account) => account.id === id)?.issuer_host ?? id;
  const lines = checks.map(
    ({ state, account, title, detail, finding }) =>
      `${state.toUpperCase()} ${account === null ? "" : `${host(account)}: `}${title}: ${detail} (${finding})`,
  );
  return [t("diagnostics.report", { time }), "", ...lines, ""].join("\n");
}
