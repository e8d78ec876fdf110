// Which lines of a statement have been on screen. Approve stays off until all were.

type Span = readonly [start: number, end: number];

/** Differences below this come from rounding, in CSS pixels. */
const SLACK = 1;

export class Reading {
  readonly #covered = new Map<Element, Span>();
  readonly #done = new Set<Element>();

  /** Takes what is visible now and says whether every line has been visible in full. */
  look(lines: Iterable<Element>, view: Span): boolean {
    let all = true;
    for (const line of lines) {
      if (!this.#done.has(line)) this.#take(line, view);
      all &&= this.#done.has(line);
    }
    return all;
  }

  /** Where reading goes on: how far the first part that was not visible is below the top of the view; above it, if negative. */
  next(lines: Iterable<Element>, [top]: Span): number | null {
    for (const line of lines) {
      if (this.#done.has(line)) continue;
      const [start, end] = this.#covered.get(line) ?? [0, 0];
      return line.getBoundingClientRect().top + (start <= SLACK ? end : 0) - top;
    }
    return null;
  }

  /** The lines were laid out anew: halves seen before are of no use. */
  layoutChanged(): void {
    this.#covered.clear();
  }

  #take(line: Element, [top, bottom]: Span): void {
    const box = line.getBoundingClientRect();
    const start = Math.max(box.top, top) - box.top;
    const end = Math.min(box.bottom, bottom) - box.top;
    if (end < start) return;
    const before = this.#covered.get(line);
    // A line taller than the window is read by scrolling through it, not by jumping over its middle.
    const touches = before !== undefined && start <= before[1] + SLACK && end >= before[0] - SLACK;
    const now: Span = touches ? [Math.min(before[0], start), Math.max(before[1], end)] : [start, end];
    this.#covered.set(line, now);
    if (now[0] <= SLACK && now[1] >= box.height - SLACK) this.#done.add(line);
  }
}
