import { afterEach, describe, expect, test } from "vitest";
import { chooseLanguage, languageNames, type Language } from "../messages";
import * as format from "./format";

const NOW = 1_795_357_938;
const languages = Object.keys(languageNames) as Language[];
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ").replace(/[\u200e\u200f\u061c]/g, "");

afterEach(() => chooseLanguage(null));

describe("amounts", () => {
  test.each(languages)("keep every digit that was given, in %s", (language) => {
    chooseLanguage(language);
    for (const decimal of [
      "4250.00",
      "0.10000000",
      "123456789012345.12345678",
      "-17.5",
      "7",
      "999999999999999",
    ]) {
      expect(format.amount(decimal, "EUR").replace(/[^0-9]/g, "")).toBe(decimal.replace(/[^0-9]/g, ""));
    }
  });

  test("are grouped, with the currency", () => {
    expect(format.amount("4250.00", "EUR")).toBe("€4,250.00");
    expect(format.amount("1000", "JPY")).toBe("¥1,000");
    expect(format.amount("12.345", "EUR")).toBe("€12.345");
  });

  test("are written as the language does", () => {
    const written: Record<Language, string> = {
      ar: "14,250.00 €",
      de: "14.250,00 €",
      en: "€14,250.00",
      es: "14.250,00 €",
      fr: "14 250,00 €",
      ja: "€14,250.00",
    };
    for (const language of languages) {
      // The test's desktop is American; without a region the language's own form is taken.
      const locale = format.localeFor(language, language === "es" ? "es-ES" : null);
      chooseLanguage(language);
      if (locale === format.currentLocale())
        expect(plain(format.amount("14250.00", "EUR"))).toBe(written[language]);
    }
  });
});

test("an account number stands in groups of four and keeps its characters", () => {
  expect(format.iban("DE89370400440532013000")).toBe("DE89 3704 0044 0532 0130 00");
  expect(format.iban("NO9386011117947")).toBe("NO93 8601 1117 947");
});

test("durations name every unit that is not zero", () => {
  expect(format.duration(102)).toBe("1 minute 42 seconds");
  expect(format.duration(28_800)).toBe("8 hours");
  expect(format.duration(90_061)).toBe("1 day 1 hour 1 minute 1 second");
  expect(format.duration(0)).toBe("0 seconds");
  chooseLanguage("ar");
  expect(format.duration(102)).toBe("دقيقة و42 ثانية");
});

test("instants of today say so, others their date", () => {
  expect(format.instant(NOW, NOW)).toMatch(/^Today, /);
  expect(format.instant(NOW - 86_400 * 3, NOW)).toMatch(/Nov 19, 2026/);
});

test("everything is in the digits that requests are written in", () => {
  chooseLanguage("ar");
  const shown = [
    format.instant(NOW, NOW),
    format.instant(0, NOW),
    format.timeWithSeconds(NOW),
    format.duration(90_061),
    format.value({ type: "count", value: 1_234_567 }, NOW),
  ].join(" ");
  expect(shown).toMatch(/[0-9]/);
  expect(shown).not.toMatch(/[٠-٩]/);
});

describe("the locale", () => {
  test("is the language as written in the desktop's region", () => {
    expect(format.localeFor("en", "en-GB")).toBe("en-GB");
    expect(format.localeFor("en", "de-DE")).toBe("en-DE");
    expect(format.localeFor("de", "de-AT")).toBe("de-AT");
    expect(format.localeFor("ar", "ar-EG")).toBe("ar-EG");
  });

  test("is the language alone where it is not written in that region", () => {
    expect(format.localeFor("ja", "en-US")).toBe("ja");
    expect(format.localeFor("de", "ja-JP")).toBe("de");
  });

  test("is the language alone on a desktop without a locale", () => {
    expect(format.systemLocale("C")).toBeNull();
    expect(format.systemLocale("")).toBeNull();
    expect(format.systemLocale("sv-SE")).toBe("sv-SE");
    expect(format.localeFor("en", null)).toBe("en");
  });

  test("that is signed follows the language", () => {
    expect(format.currentLocale()).toBe("en-US");
    chooseLanguage("de");
    expect(format.currentLocale()).toBe("de");
  });
});

describe("the clock", () => {
  const at = (system: string | null) =>
    plain(new Intl.DateTimeFormat("en", { ...format.clockOf(system), timeZone: "UTC" }).format(NOW * 1000));

  test("is the desktop's, whatever the language", () => {
    expect(at("en-US")).toBe("2:32 PM");
    expect(at("en-GB")).toBe("14:32");
    expect(at("de-DE")).toBe("14:32");
  });

  test("has 24 hours on a desktop without a locale", () => {
    expect(at(null)).toBe("14:32");
  });
});
