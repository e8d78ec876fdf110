// The language of the interface. Everything that is rendered depends on it: a change shows at once.
import { sessionLanguage } from "../lib/session";
import type { Language } from "./catalogue";
import { isLoaded, load } from "./catalogues";

/** Each language by its own name: whoever looks for theirs cannot read the others. In the order of the list. */
export const languageNames: Readonly<Record<Language, string>> = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  ja: "日本語",
  ar: "العربية",
};

const RIGHT_TO_LEFT: readonly Language[] = ["ar"];

let chosen = $state<Language>("en");
/** Asked for last; its texts may still be on their way. */
let wanted: Language = "en";

/** The language of the interface, as a BCP 47 tag. */
export function language(): Language {
  return chosen;
}

export function direction(): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.includes(chosen) ? "rtl" : "ltr";
}

/**
 * Takes the language that the person set (a BCP 47 tag), or the system's if none is, or else English: at once if its texts are loaded,
 * otherwise when they are. Until then everything stays in the language it was in.
 */
export async function chooseLanguage(setting: string | null): Promise<void> {
  const language = match(setting ?? sessionLanguage()) ?? match(sessionLanguage()) ?? "en";
  wanted = language;
  if (!isLoaded(language)) await load(language);
  if (wanted === language) speak(language);
}

function speak(language: Language): void {
  chosen = language;
  document.documentElement.lang = chosen;
  document.documentElement.dir = direction();
}

/** The language that texts of this tag are in, by its primary subtag; none if the interface does not speak it. */
export function match(tag: string): Language | undefined {
  const primary = tag.split(/[-_]/)[0]?.toLowerCase() ?? "";
  return (Object.keys(languageNames) as Language[]).find((language) => language === primary);
}
