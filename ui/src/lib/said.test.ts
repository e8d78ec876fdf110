import { afterEach, expect, test } from "vitest";
import { chooseLanguage } from "../messages";
import { said } from "./said";

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
