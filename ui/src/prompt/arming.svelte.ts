// When a prompt's buttons may act. Enter and Space that were meant for another window must do nothing.

/** How long nothing reacts after the prompt appeared, and no verdict after a key press. In milliseconds. */
export const ARM_MS = 700;

/**
 * Rules: 700 ms since the prompt appeared (or changed what its buttons mean) nothing reacts; 700 ms since the last key
 * press anywhere in it, keys do not act on buttons and Approve is off. A key acts on key-up, and only if it went down
 * on that button when it was armed.
 */
export class Arming {
  /** The prompt has stood still for long enough. */
  settled = $state(false);
  #quiet = $state(true);
  #settle: ReturnType<typeof setTimeout> | undefined;
  #hush: ReturnType<typeof setTimeout> | undefined;
  #held: { button: EventTarget; key: string } | null = null;

  /** Both rules hold. */
  readonly armed = $derived.by(() => this.settled && this.#quiet);

  /** The prompt has appeared, shows another request, or its buttons mean something else now. */
  appear(): void {
    this.settled = false;
    this.#held = null;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => (this.settled = true), ARM_MS);
  }

  /** Every key press in the window, before anything else sees it. */
  keyDown(event: KeyboardEvent): void {
    const button = armable(event);
    if (button !== null && this.armed && !event.repeat) {
      this.#held = { button, key: event.key };
      return;
    }
    if (this.#held !== null && event.repeat && event.key === this.#held.key) return;
    this.#held = null;
    this.#quiet = false;
    clearTimeout(this.#hush);
    this.#hush = setTimeout(() => (this.#quiet = true), ARM_MS);
  }

  /** The button that this key-up acts on, if any. */
  keyUp(event: KeyboardEvent): EventTarget | null {
    const held = this.#held;
    if (held?.key !== event.key) return null;
    this.#held = null;
    return held.button === armable(event) ? held.button : null;
  }

  /** The window lost the keyboard: a key that comes up later went up elsewhere. */
  release(): void {
    this.#held = null;
  }

  stop(): void {
    clearTimeout(this.#settle);
    clearTimeout(this.#hush);
  }
}

function armable(event: KeyboardEvent): EventTarget | null {
  if (event.key !== "Enter" && event.key !== " ") return null;
  return event.target instanceof HTMLButtonElement ? event.target : null;
}
