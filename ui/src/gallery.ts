// One state at window size, from the fixtures: gallery.html?state=prompt-high-risk&theme=dark&language=ar. For looking at, never shipped.
import { mount } from "svelte";
import { answersOf, mains, type MainFixture } from "./fixtures/main";
import { prompts, type PromptFixture } from "./fixtures/prompts";
import { NOW } from "./fixtures/requests";
import { PROMPT, STATES } from "./fixtures/states";
import { perform } from "./fixtures/steps";
import { start } from "./lib/page";
import { Ticker } from "./lib/ticker.svelte";
import MainApp from "./main/MainApp.svelte";
import Prompt from "./prompt/Prompt.svelte";
import { mockShell } from "./test/shell";

const query = new URLSearchParams(location.search);
const state = query.get("state") ?? "requests-pending";
const language = query.get("language");
if (language) Object.defineProperty(navigator, "language", { value: language });
const target = await start();
const page = document.documentElement;
const theme = query.get("theme") ?? "light";

// A picture is the same whenever it is taken: nothing in it is on its way.
const still = new CSSStyleSheet();
still.replaceSync("*, ::after { transition: none !important; animation: none !important; }");
document.adoptedStyleSheets.push(still);

// The settings in the fixtures leave it to the desktop; a picture says which it wants.
new MutationObserver(paint).observe(page, { attributeFilter: ["data-theme"] });
paint();
function paint(): void {
  if (page.dataset["theme"] !== theme) page.dataset["theme"] = theme;
}

function showPrompt(fixture: PromptFixture): void {
  const nothing = () => undefined;
  const { direction, zoom, position, failure, ...rest } = fixture;
  if (zoom) enlarge(zoom);
  mount(Prompt, {
    target,
    props: {
      asked: false,
      more: false,
      ...rest,
      now: NOW,
      position: position ?? null,
      failure: failure ?? null,
      arrivals: 0,
      busy: false,
      onread: nothing,
      onanswer: nothing,
      onwithdraw: nothing,
      onlate: nothing,
      oncopy: nothing,
      ondone: nothing,
      onclose: nothing,
      onshowall: nothing,
      onstart: nothing,
    },
  });
  if (direction)
    for (const element of [page, ...document.querySelectorAll<HTMLElement>("main")]) element.dir = direction;
}

/** As a zoomed window shows the page: all is larger, and what holds for small windows holds for this one. */
function enlarge(zoom: number): void {
  page.style.zoom = String(zoom);
  for (const sheet of document.styleSheets)
    for (const rule of sheet.cssRules)
      if (rule instanceof CSSMediaRule)
        rule.media.mediaText = rule.media.mediaText.replace(
          /([\d.]+)rem/g,
          (_, size: string) => `${Number(size) * zoom}rem`,
        );
}

async function showMain(fixture: MainFixture): Promise<void> {
  mockShell("main", answersOf(fixture));
  mount(MainApp, { target, props: { ticker: new Ticker(() => NOW * 1000) } });
  await perform(fixture.steps ?? []);
  // What waits is pictured as it can be answered.
  if (document.querySelector("article.row"))
    await perform([{ see: "article.row .btn:last-of-type:not([aria-disabled])" }]);
}

const prompt = Object.entries<PromptFixture>(prompts).find(([name]) => PROMPT + name === state)?.[1];
const main = Object.entries<MainFixture>(mains).find(([name]) => name === state)?.[1];
// The styles may come after this script.
if (document.readyState !== "complete")
  await new Promise((loaded) => window.addEventListener("load", loaded, { once: true }));
if (prompt) showPrompt(prompt);
else if (main) await showMain(main);
// For whoever makes the pictures: what there is, and that this one is ready.
page.dataset["states"] = STATES.join(" ");
page.dataset["shown"] = state;
