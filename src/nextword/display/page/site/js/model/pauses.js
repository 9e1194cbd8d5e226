// Pauses in long work, so that the page stays responsive.

const MAX_TURN = 12; // milliseconds

/** Returns a function that gives the page time for other work, if its last pause is long ago. */
export function pauses() {
  let started = performance.now();
  return async () => {
    if (performance.now() - started <= MAX_TURN) return;
    await new Promise((resolve) => setTimeout(resolve));
    started = performance.now();
  };
}
