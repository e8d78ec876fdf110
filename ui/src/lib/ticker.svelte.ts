// The current second. Time comes in as a function, so that tests and pictures can stand still.

export class Ticker {
  now = $state(0);
  readonly #clock: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(clock: () => number = () => Date.now()) {
    this.#clock = clock;
    this.now = Math.floor(clock() / 1000);
  }

  /** Ticks at the start of each second until the returned function is called. */
  start(): () => void {
    const tick = () => {
      const milliseconds = this.#clock();
      this.now = Math.floor(milliseconds / 1000);
      this.#timer = setTimeout(tick, 1000 - (milliseconds % 1000));
    };
    tick();
    return () => clearTimeout(this.#timer);
  }

  /** The same, but nothing wakes up while the window cannot be seen. */
  startWhileSeen(): () => void {
    let stop = () => undefined as void;
    const follow = () => {
      stop();
      stop = document.hidden ? () => undefined : this.start();
    };
    document.addEventListener("visibilitychange", follow);
    follow();
    return () => {
      document.removeEventListener("visibilitychange", follow);
      stop();
    };
  }
}
