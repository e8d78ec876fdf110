// Texts by key, with their values put in. No framework: one catalogue now, chosen here once there are more.
import { en } from "./en";

type Plural = { one: string; other: string };
type Catalogue = { [K in Key]: (typeof en)[K] extends string ? string : Plural };

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;

/** The language of the interface, as a BCP 47 tag, and its direction. */
export const language = "en";
export const direction: "ltr" | "rtl" = "ltr";

const catalogue: Catalogue = en;
const plural = new Intl.PluralRules(language);

/** The text with its placeholders; `values.count` chooses between singular and plural. */
export function template(key: Key, values: Values = {}): string {
  const text = catalogue[key];
  if (typeof text === "string") return text;
  return plural.select(Number(values["count"])) === "one" ? text.one : text.other;
}

/** The text. Values are put in once: a value that looks like a placeholder stays what it is. */
export function t(key: Key, values: Values = {}): string {
  return template(key, values).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Whether there is a text of this key: keys made from data that is not ours. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(catalogue, key);
}
