// Light or dark, and in which language: the desktop decides, unless the person has.
import type { SettingsView } from "../bindings/SettingsView";
import { chooseLanguage } from "../messages";

/** Puts it on the page. Until the agent has said, the desktop decides. */
export function apply(settings: SettingsView | null): void {
  chooseLanguage(settings?.values.language ?? null);
  const appearance = settings?.values.appearance ?? "system";
  const { dataset } = document.documentElement;
  if (appearance === "system") delete dataset["theme"];
  else dataset["theme"] = appearance;
}
