// Every state of the main window, from its fixture.
import { screen } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { mains, type MainFixture } from "../fixtures/main";
import { STATES } from "../fixtures/states";
import { violations } from "../test/axe";
import { openMain } from "../test/main";

describe.each(Object.entries<MainFixture>(mains))("%s", (_name, fixture) => {
  test("is named by its one title, breaks no accessibility rule and carries no inline style", async () => {
    const { container } = await openMain(fixture);
    const title = screen.getByRole("heading", { level: 1, hidden: true }).textContent ?? "";
    expect(title).not.toBe("");
    expect(screen.getByRole("main", { name: title, hidden: true })).toBeTruthy();
    expect(await violations()).toEqual([]);
    expect(container.querySelector("[style]")).toBeNull();
  });
});

test("every state has a name of its own that can name a file", () => {
  expect(new Set(STATES).size).toBe(STATES.length);
  for (const state of STATES) expect(state).toMatch(/^[a-z]+(-[a-z0-9]+)+$/);
});
