// What a language's module has to hold: every key of the English one, and every plural form that its grammar has.
// A missing or mistyped key or form does not compile.
import type { en } from "./en";

/** The forms that each language's grammar tells apart for a number of things (CLDR's cardinal categories). */
export interface PluralForms {
  en: "one" | "other";
  de: "one" | "other";
  fr: "one" | "many" | "other";
  es: "one" | "many" | "other";
  ja: "other";
  ar: "zero" | "one" | "two" | "few" | "many" | "other";
}

/** Primary subtag of a language that the interface speaks. */
export type Language = keyof PluralForms;

export type Key = keyof typeof en;

/** A text for each form of a number. */
export type Plural<L extends Language> = { readonly [Form in PluralForms[L]]: string };

export type Catalogue<L extends Language> = {
  readonly [K in Key]: (typeof en)[K] extends string ? string : Plural<L>;
};
