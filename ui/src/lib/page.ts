// What every page does first.
import { mount } from "svelte";
import { chooseLanguage } from "../messages";
import Sprite from "./Sprite.svelte";
import "../styles/tokens.css";
import "../styles/components.css";
import "../styles/app.css";

/** Sets language, icons and menu, and gives the element to mount into. */
export async function start(): Promise<HTMLElement> {
  await chooseLanguage(null);
  const target = document.getElementById("app");
  if (!target) throw new Error("the page has no #app");
  mount(Sprite, { target: document.body });
  // The web view's own menu offers to reload or go back. In fields it offers to paste: there it stays.
  document.addEventListener("contextmenu", (event) => {
    if (!(event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement))
      event.preventDefault();
  });
  return target;
}
