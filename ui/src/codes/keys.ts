// What a key means on the page of codes.

interface Where {
  search: HTMLInputElement | undefined;
  query: string;
  current: number;
  count: number;
}

export type Intention =
  | { name: "type" }
  | { name: "search" }
  | { name: "clear" }
  | { name: "go"; place: number }
  | { name: "copy" }
  | { name: "move"; by: -1 | 1 }
  | { name: "undo" };

/** Rows that Page Up and Page Down go. */
const LEAP = 8;

export function intention(event: KeyboardEvent, where: Where): Intention | null {
  // An input method's keys are its own until the text is written.
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return null;
  const { target } = event;
  const searching = target === where.search;
  // Other fields and open menus have their keys to themselves.
  if (!searching && target instanceof Element && target.matches("input, select, textarea, [role=menuitem]"))
    return null;
  const onRow = target instanceof Element && target.hasAttribute("data-place");
  if (event.altKey) return event.ctrlKey || !onRow ? null : moved(event.key);
  if (event.ctrlKey || event.metaKey) return event.ctrlKey ? combined(event.key, where.search) : null;
  const travelled = travel(event.key, searching, where);
  if (travelled !== null) return travelled;
  if (event.key === "Enter") return searching ? { name: "copy" } : null;
  if (event.key === "Escape") return where.query === "" ? null : { name: "clear" };
  const letter = [...event.key].length === 1 && event.key !== " ";
  return letter && !searching ? { name: "type" } : null;
}

function moved(key: string): Intention | null {
  if (key === "ArrowUp") return { name: "move", by: -1 };
  return key === "ArrowDown" ? { name: "move", by: 1 } : null;
}

function combined(key: string, search: HTMLInputElement | undefined): Intention | null {
  // In the search it takes back what was typed.
  if (key.toLowerCase() === "z") return document.activeElement === search ? null : { name: "undo" };
  if (key.toLowerCase() !== "c") return null;
  const selected =
    String(getSelection() ?? "") !== "" ||
    (document.activeElement === search && search?.selectionStart !== search?.selectionEnd);
  return selected ? null : { name: "copy" };
}

function travel(key: string, searching: boolean, { current, count }: Where): Intention | null {
  if (count === 0) return null;
  const go = (place: number): Intention => ({ name: "go", place });
  switch (key) {
    case "ArrowDown":
      return go(searching ? current : Math.min(current + 1, count - 1));
    case "ArrowUp":
      if (searching) return null;
      return current === 0 ? { name: "search" } : go(current - 1);
    case "PageDown":
      return go(Math.min(current + LEAP, count - 1));
    case "PageUp":
      return go(Math.max(current - LEAP, 0));
    case "Home":
      return searching ? null : go(0);
    case "End":
      return searching ? null : go(count - 1);
    default:
      return null;
  }
}
