// Light or dark: the desktop decides, unless the person has.
import type { SettingsView } from "../bindings/SettingsView";

/** Puts it on the page. Until the agent has said, the desktop decides. */
export function apply(settings: SettingsView | null): void {
  const appearance = settings?.values.appearance ?? "system";
  const { dataset } = document.documentElement;
  if (appearance === "system") delete dataset["theme"];
  else dataset["theme"] = appearance;
}
