import "@testing-library/svelte/vitest";
import { languages, load } from "../messages/catalogues";

await Promise.all(languages.map(load));

document.documentElement.lang = "en";
document.title = "Countersign";

// jsdom scrolls nothing.
Element.prototype.scrollBy = () => undefined;
window.scrollBy = () => undefined;

// jsdom draws nothing either; without this it says so whenever a rule asks.
HTMLCanvasElement.prototype.getContext = () => null;

Element.prototype.scrollIntoView = () => undefined;

// jsdom knows the element, not how to open it.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
