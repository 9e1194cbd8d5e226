// Keys pressed against characters written, by the rule of `nextword evaluate --keystrokes`:
// a character typed is a key, and one key takes a suggestion with the space after it.

export class KeystrokeCounter {
  constructor() {
    this.keys = 0;
    this.taken = 0;
  }

  /** Count characters typed or pasted, or one key that deletes. */
  press(count = 1) {
    this.keys += count;
  }

  take() {
    this.keys += 1;
    this.taken += 1;
  }

  reset() {
    this.keys = this.taken = 0;
  }

  /** Return the share of keys saved for a text of this many characters; null without a text. */
  saved(characters) {
    return characters > 0 ? 1 - this.keys / characters : null;
  }
}
