// Numbers as people read them.

/** Return a number with thousands separators. */
export function counted(value) {
  return value.toLocaleString("en-US");
}

/** Return a number with a fixed number of digits. */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const shown = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return shown.replace("-", "−");
}

/** Return a probability as a percentage. */
export function percent(probability) {
  const value = 100 * probability;
  if (value === 0) return "0%";
  if (value < 0.01) return "< 0.01%";
  if (value > 99.95 && value < 100) return "> 99.9%";
  return `${fixed(value, value >= 99.5 && value < 100 ? 1 : value >= 10 ? 0 : value >= 1 ? 1 : 2)}%`;
}

/** Return a ratio in words: "3.2 times", "12 million times". */
export function times(ratio) {
  if (!Number.isFinite(ratio) || ratio >= 1e15) return "more than 1,000,000 billion times";
  if (ratio >= 1e9) return `${fixed(ratio / 1e9, ratio < 1e11 ? 1 : 0)} billion times`;
  if (ratio >= 1e6) return `${fixed(ratio / 1e6, ratio < 1e8 ? 1 : 0)} million times`;
  if (ratio >= 100) return `${counted(Math.round(ratio))} times`;
  return `${fixed(ratio, ratio >= 10 ? 0 : 1)} times`;
}

/** Return how many of a thing: "1 word", "3 words". */
export function plural(count, name) {
  return `${counted(count)} ${name}${count === 1 ? "" : "s"}`;
}

/** Return a natural log-probability as surprisal in bits. */
export function bitsOf(logProb) {
  return Math.max(0, -logProb / Math.LN2);
}
