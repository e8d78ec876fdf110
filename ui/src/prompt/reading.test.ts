import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import { prompts } from "../fixtures/prompts";
import { renderPrompt } from "../test/render";
import { Reading } from "./reading";

/** A line at this place on screen. */
function line(top: number, height: number): Element & { moveTo: (top: number) => void } {
  const element = document.createElement("div");
  let at = top;
  element.getBoundingClientRect = () => new DOMRect(0, at, 100, height);
  return Object.assign(element, { moveTo: (to: number) => void (at = to) });
}

describe("reading", () => {
  const view = [0, 100] as const;

  test("a line counts once all of it was visible", () => {
    const reading = new Reading();
    const [first, last] = [line(0, 20), line(90, 20)];
    expect(reading.look([first, last], view)).toBe(false);
    first.moveTo(-20);
    last.moveTo(70);
    expect(reading.look([first, last], view)).toBe(true);
  });

  test("a line taller than the window is read by scrolling through it", () => {
    const reading = new Reading();
    const tall = line(0, 350);
    for (const top of [0, -90, -180]) {
      tall.moveTo(top);
      expect(reading.look([tall], view)).toBe(false);
    }
    tall.moveTo(-250);
    expect(reading.look([tall], view)).toBe(true);
  });

  test("a jump over the middle of a line does not read it", () => {
    const reading = new Reading();
    const tall = line(0, 350);
    reading.look([tall], view);
    tall.moveTo(-250);
    expect(reading.look([tall], view)).toBe(false);
  });

  test("whoever jumped to the end is led back to where reading stopped", () => {
    const reading = new Reading();
    const lines = [line(0, 60), line(60, 300), line(360, 20)];
    const scroll = (by: number) => {
      lines.forEach((one, index) => one.moveTo([0, 60, 360][index]! - by));
      return reading.look(lines, view);
    };
    scroll(0);
    expect(reading.next(lines, view)).toBe(100);
    scroll(280);
    let scrolled = 280;
    for (let presses = 0; presses < 10; presses += 1) {
      const distance = reading.next(lines, view);
      if (distance === null) break;
      scrolled = Math.min(280, scrolled + distance - 16);
      scroll(scrolled);
    }
    expect(reading.next(lines, view)).toBeNull();
    expect(scroll(280)).toBe(true);
  });

  test("halves seen in another layout do not add up", () => {
    const reading = new Reading();
    const split = line(50, 100);
    reading.look([split], view);
    reading.layoutChanged();
    split.moveTo(-50);
    expect(reading.look([split], view)).toBe(false);
  });
});

describe("a statement that is longer than the window", () => {
  afterEach(() => void vi.restoreAllMocks());

  test("cannot be approved before all of it was on screen", async () => {
    let scrolled = 0;
    vi.spyOn(Element.prototype, "getBoundingClientRect").mockImplementation(function (this: Element) {
      const index = this.getAttribute("data-line");
      // The body shows 200 pixels; every line is 20 high.
      return index === null
        ? new DOMRect(0, 0, 400, 200)
        : new DOMRect(0, Number(index) * 20 - scrolled, 400, 20);
    });
    const { acts, container } = renderPrompt({ ...prompts.long, typed: "492817" });
    const approve = screen.getByRole("button", { name: "Approve" });
    await fireEvent.click(approve);
    expect(acts.onanswer).not.toHaveBeenCalled();
    expect(acts.onread).not.toHaveBeenCalled();
    expect(document.getElementById("why-not")?.textContent).toBe("Read to the end first");
    const body = container.querySelector(".prompt__body");
    for (scrolled of [150, 300]) await fireEvent.scroll(body ?? container);
    expect(acts.onread).toHaveBeenCalledOnce();
    expect(screen.queryByText(/Scroll to the end/)).toBeNull();
    await fireEvent.click(approve);
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "approve", matchCode: "492817" });
  });
});
