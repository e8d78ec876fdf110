import "@testing-library/svelte/vitest";

document.documentElement.lang = "en";
document.title = "Countersign";

// jsdom scrolls nothing.
Element.prototype.scrollBy = () => undefined;
window.scrollBy = () => undefined;
