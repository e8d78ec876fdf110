import { render } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import Countdown from "../lib/Countdown.svelte";
import { catalogues, chooseLanguage, direction, isKey, language, languageNames, t, type Key } from ".";
import type { Language } from "./catalogue";
import { en } from "./en";

const languages = Object.keys(catalogues) as Language[];
const translations = languages.filter((language) => language !== "en");
const keys = Object.keys(en) as Key[];

/** Every text of a key: one, or one for each form of a number. */
function texts(language: Language, key: Key): [form: string, text: string][] {
  const entry = catalogues[language][key];
  return typeof entry === "string" ? [["", entry]] : Object.entries(entry);
}

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();

afterEach(() => {
  vi.restoreAllMocks();
  chooseLanguage(null);
});

describe.each(languages)("the texts in %s", (language) => {
  test("keep to the house's words", () => {
    const unwanted = /[!！]|\b(please|oops|secure|bitte|veuillez)\b|s’il vous pla|por favor|من فضلك|'|"/i;
    for (const key of keys) for (const [, text] of texts(language, key)) expect(text).not.toMatch(unwanted);
  });

  test("have a form for each number that the language tells apart", () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
    for (const key of keys.filter((key) => typeof en[key] !== "string"))
      expect(Object.keys(catalogues[language][key]).toSorted()).toEqual(forms);
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

describe("the language", () => {
  const on = (desktop: string) => vi.spyOn(navigator, "language", "get").mockReturnValue(desktop);

  test("is the one that was set, in any of its variants", () => {
    on("fr-FR");
    for (const [setting, expected] of [
      ["de", "de"],
      ["de-AT", "de"],
      ["ar-EG", "ar"],
      ["ES", "es"],
    ] as const) {
      chooseLanguage(setting);
      expect(language()).toBe(expected);
    }
  });

  test("is the desktop's if none was set, or one that there is not", () => {
    on("ja-JP");
    chooseLanguage(null);
    expect(language()).toBe("ja");
    chooseLanguage("tlh");
    expect(language()).toBe("ja");
  });

  test("is English on a desktop in any other", () => {
    for (const desktop of ["sv-SE", "c", "C", ""]) {
      on(desktop);
      chooseLanguage(null);
      expect(language()).toBe("en");
    }
  });

  test("tells the page its name and direction", () => {
    chooseLanguage("ar");
    expect(document.documentElement).toMatchObject({ lang: "ar", dir: "rtl" });
    expect(direction()).toBe("rtl");
    chooseLanguage("de");
    expect(document.documentElement).toMatchObject({ lang: "de", dir: "ltr" });
  });

  test("changes what is on screen at once", async () => {
    const { getByRole } = render(Countdown, { from: 0, until: 102, now: 0 });
    expect(getByRole("timer").ariaLabel ?? getByRole("timer").getAttribute("aria-label")).toBe(
      "Expires in 1 minute 42 seconds",
    );
    chooseLanguage("de");
    await tick();
    expect(getByRole("timer").getAttribute("aria-label")).toBe("Läuft ab in 1 Minute, 42 Sekunden");
  });

  test("chooses the form of a number", () => {
    chooseLanguage("ar");
    const held = (count: number) => t("requests.held", { count, client: "X" });
    expect([0, 1, 2, 3, 11, 100].map(held)).toEqual([
      "لا طلبات محجوزة من \u2068X\u2069",
      "حُجز طلب واحد من \u2068X\u2069",
      "حُجز طلبان من \u2068X\u2069",
      "حُجزت 3 طلبات من \u2068X\u2069",
      "حُجز 11 طلبًا من \u2068X\u2069",
      "حُجز 100 طلب من \u2068X\u2069",
    ]);
    chooseLanguage("fr");
    expect(t("announce.left", { count: 0 })).toBe("0 seconde restante");
    chooseLanguage("ja");
    expect(t("announce.left", { count: 1 })).toBe("残り 1 秒");
  });
});
