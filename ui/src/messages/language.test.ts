import { render } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import Countdown from "../lib/Countdown.svelte";
import { chooseLanguage, direction, language, t } from ".";

/** As in a window that has just begun: no texts are loaded yet. */
async function afresh(): Promise<typeof import(".")> {
  vi.resetModules();
  return import(".");
}

afterEach(() => {
  vi.restoreAllMocks();
  chooseLanguage(null);
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
    expect(getByRole("timer").getAttribute("aria-label")).toBe("Expires in 1 minute 42 seconds");
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

test("a language is spoken once its texts are there, and not before", async () => {
  const messages = await afresh();
  const german = messages.chooseLanguage("de");
  expect(messages.language()).toBe("en");
  await german;
  expect(messages.language()).toBe("de");
  expect(messages.t("outcome.close")).toBe("Schließen");
});

test("of two languages the one that was chosen last is spoken, whichever is there first", async () => {
  const messages = await afresh();
  await messages.chooseLanguage("fr");
  const japanese = messages.chooseLanguage("ja");
  await messages.chooseLanguage("fr");
  await japanese;
  expect(messages.language()).toBe("fr");
});
