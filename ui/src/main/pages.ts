// The pages of the main window, in the order of the sidebar.
export type Page = "requests" | "activity" | "accounts" | "settings" | "diagnostics";

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
