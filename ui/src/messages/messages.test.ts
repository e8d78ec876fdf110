import { expect, test } from "vitest";
import type { ErrorCode } from "../bindings/ErrorCode";
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
    app_unavailable: true,
    unavailable: true,
  } satisfies Record<ErrorCode, true>;
  for (const code of Object.keys(texts)) expect(isKey(`error.${code}`), code).toBe(true);
});
