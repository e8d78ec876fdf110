import { mount } from "svelte";
import { start } from "../lib/page";
import { Ticker } from "../lib/ticker.svelte";
import MainApp from "./MainApp.svelte";

mount(MainApp, { target: await start(), props: { ticker: new Ticker() } });
