// What the page remembers. A browser may refuse storage, for a file on disk for example.

const unkept = new Map(); // what it refused, until the page is left

/** Return a remembered text, or null. */
export function remembered(name) {
  try {
    return globalThis.localStorage.getItem(`nextword-${name}`);
  } catch {
    return unkept.get(name) ?? null;
  }
}

/** Return a remembered value, written as JSON; null if there is none or it is damaged. */
export function rememberedValue(name) {
  try {
    return JSON.parse(remembered(name) ?? "null");
  } catch {
    return null;
  }
}

/** Remember a text. */
export function remember(name, value) {
  try {
    globalThis.localStorage.setItem(`nextword-${name}`, value);
  } catch {
    unkept.set(name, value);
  }
}
