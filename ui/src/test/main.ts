// The main window in one of its states, against a mocked shell.
import { render } from "@testing-library/svelte";
import { vi } from "vitest";
import { answersOf, type Answers, type MainFixture } from "../fixtures/main";
import { NOW } from "../fixtures/requests";
import { perform } from "../fixtures/steps";
import { Ticker } from "../lib/ticker.svelte";
import MainApp from "../main/MainApp.svelte";
import { mockShell } from "./shell";

export async function openMain(fixture: MainFixture, answers: Answers = {}) {
  const shell = mockShell("main", { ...answersOf(fixture), ...answers });
  const rendered = render(MainApp, {
    props: { ticker: new Ticker(() => NOW * 1000) },
  });
  await settled();
  await perform(fixture.steps ?? []);
  await settled();
  return { shell, ...rendered };
}

/** Everything that the mocked shell has answered is on the page: its answers take no more than promises. */
export async function settled(): Promise<void> {
  if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(0);
  else await new Promise((resolve) => setTimeout(resolve));
}
