import { describe, expect, test } from "vitest";
import * as format from "./format";

const NOW = 1_795_357_938;

describe("amounts", () => {
  test("keep every digit that was given", () => {
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
});

test("instants of today say so, others their date", () => {
  expect(format.instant(NOW, NOW)).toMatch(/^Today, /);
  expect(format.instant(NOW - 86_400 * 3, NOW)).toMatch(/2026/);
});

test("a desktop without a locale gets the interface's language", () => {
  expect(format.systemLocale("C")).toBe("en");
  expect(format.systemLocale("")).toBe("en");
  expect(format.systemLocale("sv-SE")).toBe("sv-SE");
  expect(format.localeFor("en-GB")).toBe("en-GB");
  expect(format.localeFor("sv-SE")).toBe("en");
});
