import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../bindings/ErrorCode";
import { isKey, languageNames, t, type Key } from ".";
import type { Language } from "./catalogue";
import { catalogue, languages } from "./catalogues";
import { en } from "./en";

const translations = languages.filter((language) => language !== "en");
const keys = Object.keys(en) as Key[];

/** Every text of a key: one, or one for each form of a number. */
function texts(language: Language, key: Key): [form: string, text: string][] {
  const entry = catalogue(language)[key];
  return typeof entry === "string" ? [["", entry]] : Object.entries(entry);
}

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();

describe.each(languages)("the texts in %s", (language) => {
  test("keep to the house's words", () => {
    const unwanted = /[!！]|\b(please|oops|secure|bitte|veuillez)\b|s’il vous pla|por favor|من فضلك|'|"/i;
    for (const key of keys) for (const [, text] of texts(language, key)) expect(text).not.toMatch(unwanted);
  });

  test("have a form for each number that the language tells apart", () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
    for (const key of keys.filter((key) => typeof en[key] !== "string"))
      expect(Object.keys(catalogue(language)[key]).toSorted()).toEqual(forms);
  });
});

describe.each(translations)("the translation to %s", (language) => {
  test("has the placeholders of the English text", () => {
    for (const key of keys) {
      const wanted = texts("en", key).flatMap(([, text]) => placeholders(text));
      for (const [form, text] of texts(language, key)) {
        const found = placeholders(text);
        // Where there is one or two, the number may be a word.
        const counted = ["zero", "one", "two"].includes(form) && !found.includes("{count}");
        const expected = [...new Set(wanted)].filter((name) => !(counted && name === "{count}"));
        expect(found, `${key} ${form}`).toEqual(expected.sort());
      }
    }
  });

  test("leaves no sentence in English", () => {
    const same = keys.filter((key) => {
      const [text] = texts(language, key).map(([, text]) => text);
      return (
        text === en[key] &&
        text
          .replace(/\{\w+\}/g, "")
          .trim()
          .split(/\s+/).length > 1
      );
    });
    expect(same).toEqual([]);
  });
});

test("every language can be chosen by its name", () => {
  expect(Object.keys(languageNames).sort()).toEqual([...languages].sort());
});

test("values are put in once", () => {
  expect(t("ask.client", { client: "{client}{issuer}" })).toBe("{client}{issuer} asks you to");
});

test("keys made from data are looked up safely", () => {
  expect(isKey("line.acr")).toBe(true);
  expect(isKey("line.__proto__")).toBe(false);
  expect(isKey("constructor")).toBe(false);
});

test("every text is used", () => {
  const sources: Record<string, string> = import.meta.glob(
    ["../**/*.{svelte,ts}", "!./*.ts", "!../bindings/**", "!../**/*.test.ts"],
    { eager: true, query: "?raw", import: "default" },
  );
  const code = Object.values(sources).join("\n");
  const literal = new Set(Array.from(code.matchAll(/["'`]([\w.]+)["'`]/g), ([, key]) => key));
  // Keys made of a known part and of a value: `state.${outcome}.elsewhere`.
  const made = Array.from(code.matchAll(/[`"]([\w.]*\.)(?:\$\{[^`]*?\}([\w.]*)`|")/g), ([, head, tail]) => ({
    head: head ?? "",
    tail: tail ?? "",
  }));
  const used = (key: string) =>
    literal.has(key) || made.some(({ head, tail }) => key.startsWith(head) && key.endsWith(tail));
  expect(Object.keys(en).filter((key) => !used(key))).toEqual([]);
});

test("every code of an error has a text", () => {
  const texts = {
    incompatible_version: true,
    invalid_call: true,
    not_found: true,
    not_pending: true,
    statement_changed: true,
    code_needed: true,
    surface_not_allowed: true,
    invalid_link: true,
    offer_refused: true,
    unreachable: true,
    untrusted_certificate: true,
    bad_answer: true,
    already_enrolled: true,
    keyring_locked: true,
    keyring_missing: true,
    key_missing: true,
    keyring_timeout: true,
    storage: true,
    refused: true,
    locked: true,
    invalid_value: true,
    wrong_password: true,
    unknown_format: true,
    clipboard_unavailable: true,
    app_unavailable: true,
    unavailable: true,
  } satisfies Record<ErrorCode, true>;
  for (const code of Object.keys(texts)) expect(isKey(`error.${code}`), code).toBe(true);
});
