// Light or dark, with which accent, and in which language: the desktop decides, unless the person has.
import type { MainView } from "../bindings/MainView";
import { chooseLanguage } from "../messages";
import * as accents from "./accent";

/** Puts it on the page. Until the agent has said, the desktop decides. */
export function apply({ settings, accent }: Pick<MainView, "settings" | "accent">): void {
  void chooseLanguage(settings?.values.language ?? null);
  const appearance = settings?.values.appearance ?? "system";
  accents.apply(accent);
  const { dataset } = document.documentElement;
  if (appearance === "system") delete dataset["theme"];
  else dataset["theme"] = appearance;
}
