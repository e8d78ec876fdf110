// One state at window size, from the fixtures: gallery.html?state=high-risk&theme=dark. For looking at, never shipped.
import { mount } from "svelte";
import { account, mains, offer, type MainFixture } from "./fixtures/main";
import { prompts, type PromptFixture } from "./fixtures/prompts";
import { NOW } from "./fixtures/requests";
import { start } from "./lib/page";
import { chooseLanguage } from "./messages";
import AddAccount from "./main/AddAccount.svelte";
import Main from "./main/Main.svelte";
import Prompt from "./prompt/Prompt.svelte";

const query = new URLSearchParams(location.search);
const state = query.get("state") ?? "high-risk";
const target = start();
const nothing = () => undefined;
document.documentElement.dataset["theme"] = query.get("theme") ?? "light";
chooseLanguage(query.get("language") || null);

const adding = {
  "add-link": { link: "" },
  "add-pasted": {
    link: "countersign://enroll?issuer=https%3A%2F%2Fid.alder.example&code=Zk3vQ0cJqU5n8d1fX7wQe0",
  },
  "add-offer": { link: "", step: { name: "offer", offer } },
  "add-done": { link: "", step: { name: "done", account, device: "mara-thinkpad" } },
} as const;

const prompt: PromptFixture | undefined = Object.entries(prompts).find(([name]) => name === state)?.[1];
const main: MainFixture | undefined = Object.entries(mains).find(([name]) => name === state)?.[1];
const add = Object.entries(adding).find(([name]) => name === state)?.[1];
if (prompt) {
  const { direction, position, failure, ...rest } = prompt;
  mount(Prompt, {
    target,
    props: {
      asked: false,
      ...rest,
      now: NOW,
      position: position ?? null,
      failure: failure ?? null,
      more: false,
      arrivals: 0,
      busy: false,
      onread: nothing,
      onanswer: nothing,
      onwithdraw: nothing,
      ondone: nothing,
      onclose: nothing,
      onshowall: nothing,
      onstart: nothing,
    },
  });
  if (direction)
    for (const element of [document.documentElement, ...document.querySelectorAll<HTMLElement>("main")])
      element.dir = direction;
} else if (main) {
  mount(Main, {
    target,
    props: {
      failure: null,
      ...main,
      now: NOW,
      onpage: nothing,
      onadd: nothing,
      onreview: nothing,
      ondeny: nothing,
      onstart: nothing,
    },
  });
} else if (add) {
  mount(AddAccount, { target, props: { ...add, onclose: nothing } });
}
// The height that the prompt would be given.
document.documentElement.dataset["states"] = [
  ...Object.keys(prompts),
  ...Object.keys(mains),
  ...Object.keys(adding),
].join(" ");
