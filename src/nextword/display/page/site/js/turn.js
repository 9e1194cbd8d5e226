// Pauses in long work, so that the page stays responsive.

const LONGEST_TURN = 12; // milliseconds

export class Turn {
  constructor() {
    this.started = performance.now();
  }

  /** Gives the page time for other work, if this turn was long enough. */
  async end() {
    if (performance.now() - this.started > LONGEST_TURN) {
      await new Promise((resolve) => setTimeout(resolve));
      this.started = performance.now();
    }
  }
}
