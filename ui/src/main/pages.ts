// The pages of the main window, in the order of the sidebar.
import type { Page } from "../bindings/Page";

export type { Page } from "../bindings/Page";

/** Above the gap: what is looked at every day. */
export const DAILY: Page[] = ["requests", "codes", "activity", "accounts"];
/** Below it. */
export const OTHER: Page[] = ["settings", "diagnostics"];

/** With Ctrl. */
export const SHORTCUTS: Record<string, Page> = {
  "1": "requests",
  "2": "codes",
  "3": "activity",
  "4": "accounts",
  "5": "settings",
  "6": "diagnostics",
  ",": "settings",
};
