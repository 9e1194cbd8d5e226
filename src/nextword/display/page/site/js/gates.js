// The gates of each kind of cell, as the page names and draws them.

const GATES = {
  forget: { name: "Forget gate", symbol: "f", low: 0, says: "how much of the old value it keeps" },
  input: { name: "Input gate", symbol: "i", low: 0, says: "how much of the candidate it takes in" },
  output: { name: "Output gate", symbol: "o", low: 0, says: "how much of its value it shows" },
  update: { name: "Update gate", symbol: "z", low: 0, says: "how much of the old value it keeps" },
  reset: { name: "Reset gate", symbol: "r", low: 0, says: "how much of the old value the candidate sees" },
  candidate: { name: "Candidate", symbol: "g", low: -1, says: "the new value offered" },
  cell: { name: "Cell value", symbol: "c", low: null, says: "what it remembers" },
  hidden: { name: "Output", symbol: "h", low: -1, says: "what the next layer sees" },
};

/** Return the description of a gate: name, symbol, lowest value (null if it has no bounds), meaning. */
export function gateOf(name) {
  return GATES[name] ?? { name, symbol: name[0], low: null, says: "" };
}

/** Return the gates of a cell in the order in which they are drawn. */
export function drawnOrder(names) {
  return Object.keys(GATES).filter((name) => names.includes(name));
}
