import { expect, test } from "vitest";
import { isKey, t } from ".";
import { en } from "./en";

test("texts keep to the house's words", () => {
  const texts = Object.values(en).flatMap((text) =>
    typeof text === "string" ? [text] : Object.values(text),
  );
  for (const text of texts) {
    expect(text).not.toMatch(/!|\bplease\b|\boops\b|\bsecure\b/i);
    expect(text).not.toMatch(/'|"/);
  }
});

test("values are put in once", () => {
  expect(t("ask.client", { client: "{client}{issuer}" })).toBe("{client}{issuer} asks you to");
});

test("keys made from data are looked up safely", () => {
  expect(isKey("line.acr")).toBe(true);
  expect(isKey("line.__proto__")).toBe(false);
  expect(isKey("constructor")).toBe(false);
});
