import { afterEach, expect, test } from "vitest";
import { chooseLanguage } from "../messages";
import { caused, explained, said } from "./said";

afterEach(() => chooseLanguage(null));

test("in English the agent is quoted, with its detail", () => {
  chooseLanguage("en-GB");
  expect(said("error.storage", "Disk 3 is full.")).toBe("Disk 3 is full.");
});

test("in another language the text of its code is said; what has none is quoted", () => {
  chooseLanguage("de");
  expect(said("error.locked", "This is set.")).toBe(
    "Diese Einstellung ist von Ihrer Organisation festgelegt.",
  );
  expect(said("error.of_tomorrow", "Disk 3 is full.")).toBe("Disk 3 is full.");
});

test("what the agent's sentence says beyond the text of its code is said too", () => {
  const sentence = "A proxy is written http://host:port.";
  chooseLanguage("de");
  expect(explained("invalid_value", sentence)).toBe(`Dieser Wert ist nicht zulässig. ${sentence}`);
  expect(explained("locked", "This is set.")).toBe(
    "Diese Einstellung ist von Ihrer Organisation festgelegt.",
  );
  chooseLanguage("ja");
  expect(explained("invalid_value", sentence)).toBe(`この値は使用できません。${sentence}`);
  chooseLanguage("ar");
  expect(explained("invalid_value", sentence)).toContain(`\u2068${sentence}\u2069`);
  chooseLanguage("en");
  for (const code of ["invalid_value", "unavailable", "refused", "storage"] as const)
    expect(explained(code, sentence)).toBe(sentence);
});

test("a cause is said with its values, and takes the place of what the code alone says", () => {
  const text = "The Aegis export is damaged or incomplete. Export it again.";
  const cause = { finding: "import.damaged", text, values: { format: "Aegis" } };
  expect(explained("unknown_format", text, cause)).toBe(text);
  chooseLanguage("de");
  const german = "Der Export aus Aegis ist beschädigt oder unvollständig. Exportieren Sie noch einmal.";
  expect(explained("unknown_format", text, cause)).toBe(german);
  expect(caused({ ...cause, finding: "import.of_tomorrow" })).toBe(text);
});
