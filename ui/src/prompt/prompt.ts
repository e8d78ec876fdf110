import { mount } from "svelte";
import { start } from "../lib/page";
import { Ticker } from "../lib/ticker.svelte";
import PromptApp from "./PromptApp.svelte";

mount(PromptApp, { target: await start(), props: { ticker: new Ticker() } });
