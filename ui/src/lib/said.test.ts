import { expect, test, vi } from "vitest";
import { said } from "./said";

const messages = vi.hoisted(() => ({ language: "en" }));
vi.mock("../messages", async (original) => ({
  ...(await original()),
  get language() {
    return messages.language;
  },
}));

test("in English the agent is quoted, with its detail", () => {
  for (const language of ["en", "en-GB"]) {
    messages.language = language;
    expect(said("error.storage", "Disk 3 is full.")).toBe("Disk 3 is full.");
  }
});

test("in another language the text of its code is said; what has none is quoted", () => {
  messages.language = "de";
  expect(said("error.storage", "Disk 3 is full.")).not.toBe("Disk 3 is full.");
  expect(said("error.of_tomorrow", "Disk 3 is full.")).toBe("Disk 3 is full.");
});
