// Measures frames from within a page; the same in the app's window, where WebDriver puts it, and in the minimal one.

/** How long no scrolling has to have come until it is over, in ms. */
const OVER = 300;

/** The times between frames in ms, from the first scrolling that comes until the last. */
function scrolled() {
  return new Promise((done) => {
    const frames = [];
    let moved = null;
    let last = null;
    let until = 0;
    const frame = (now) => {
      if (last !== null) frames.push(now - last);
      last = now;
      if (now - moved < OVER) requestAnimationFrame(frame);
      else {
        document.removeEventListener("scroll", scroll, true);
        done(frames.slice(0, until));
      }
    };
    const scroll = () => {
      if (moved === null) requestAnimationFrame(frame);
      moved = performance.now();
      until = frames.length;
    };
    document.addEventListener("scroll", scroll, true);
  });
}

/** The time in ms from the next input until after the frame that shows this many entries. */
function filtered(count) {
  return new Promise((done) => {
    const input = (event) => {
      const frame = () => {
        if (entries() !== count) requestAnimationFrame(frame);
        // A task that a frame asks for runs after it was painted.
        else setTimeout(() => done(performance.now() - event.timeStamp));
      };
      requestAnimationFrame(frame);
    };
    document.addEventListener("input", input, { capture: true, once: true });
  });
}

/** How many entries are shown. */
function entries() {
  return document.querySelectorAll("details.activity:not([hidden])").length;
}
