// Renders a state of the prompt from its fixture, with every act recorded.
import { render } from "@testing-library/svelte";
import { vi } from "vitest";
import type { PromptFixture } from "../fixtures/prompts";
import { NOW } from "../fixtures/requests";
import Prompt from "../prompt/Prompt.svelte";

export function renderPrompt(fixture: PromptFixture, more: Record<string, unknown> = {}) {
  const acts = {
    onread: vi.fn(),
    onanswer: vi.fn(),
    onwithdraw: vi.fn(),
    onlate: vi.fn(),
    oncopy: vi.fn(),
    ondone: vi.fn(),
    onclose: vi.fn(),
    onshowall: vi.fn(),
    onstart: vi.fn(),
  };
  const { direction: _direction, zoom: _zoom, position, failure, ...rest } = fixture;
  const props = {
    asked: false,
    more: false,
    ...rest,
    now: NOW,
    position: position ?? null,
    failure: failure ?? null,
    arrivals: 0,
    busy: false,
    ...acts,
    ...more,
  };
  return { acts, props, ...render(Prompt, { props }) };
}
