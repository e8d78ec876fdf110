// Texts by key in the language of the interface, with their values put in.
import { catalogue } from "./catalogues";
import type { Key } from "./catalogue";
import { direction, language } from "./language.svelte";

export type { Key, Language } from "./catalogue";
export { chooseLanguage, direction, language, languageNames, match } from "./language.svelte";

export type Values = Record<string, string | number>;

const FIRST_STRONG_ISOLATE = "\u2068";
const POP_DIRECTIONAL_ISOLATE = "\u2069";

/** The text with its placeholders; `values.count` chooses among the forms of a plural. */
export function template(key: Key, values: Values = {}): string {
  const text: string | PluralTexts = catalogue(language())[key];
  if (typeof text === "string") return text;
  const form = new Intl.PluralRules(language()).select(Number(values["count"]));
  return text[form] ?? text.other;
}

/** The text. Values are put in once: a value that looks like a placeholder stays what it is. */
export function t(key: Key, values: Values = {}): string {
  return template(key, values).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : isolated(value);
  });
}

/** Whether there is a text of this key: keys made from data that is not ours. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(catalogue(language()), key);
}

type PluralTexts = { readonly [Form in Intl.LDMLPluralRule]?: string } & { readonly other: string };

// Names and addresses read left to right within a sentence that does not, without moving what is around them.
function isolated(value: string | number): string {
  return direction() === "rtl" && typeof value === "string"
    ? FIRST_STRONG_ISOLATE + value + POP_DIRECTIONAL_ISOLATE
    : String(value);
}
