// The pages of the main window, in the order of the sidebar.
import type { Page as AnyPage } from "../bindings/Page";

/** Codes are still to come. */
export type Page = Exclude<AnyPage, "codes">;

/** The page to begin with. */
export function pageOf(remembered: AnyPage | undefined): Page {
  return remembered === undefined || remembered === "codes" ? "requests" : remembered;
}

/** Above the gap: what is looked at every day. */
export const DAILY: Page[] = ["requests", "activity", "accounts"];
/** Below it. */
export const OTHER: Page[] = ["settings", "diagnostics"];

/** With Ctrl. The second place is kept for codes. */
export const SHORTCUTS: Record<string, Page> = {
  "1": "requests",
  "3": "activity",
  "4": "accounts",
  "5": "settings",
  "6": "diagnostics",
  ",": "settings",
};
