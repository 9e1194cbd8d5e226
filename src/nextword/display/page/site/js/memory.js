// What the page remembers. A browser may refuse storage, for a file on disk for example: then nothing is kept.

function storageOf(kind) {
  try {
    return kind === "session" ? window.sessionStorage : window.localStorage;
  } catch {
    return null;
  }
}

/** Return a remembered text, or null. */
export function remembered(name, kind = "local") {
  try {
    return storageOf(kind)?.getItem(`nextword-${name}`) ?? null;
  } catch {
    return null;
  }
}

/** Remember a text; null forgets it. */
export function remember(name, value, kind = "local") {
  try {
    if (value === null) storageOf(kind)?.removeItem(`nextword-${name}`);
    else storageOf(kind)?.setItem(`nextword-${name}`, value);
  } catch {
    // Full or refused: the page works without.
  }
}
