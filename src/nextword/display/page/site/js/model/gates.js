// The gates of each kind of cell, as the page names and draws them, in the order in which they are drawn.

const GATES = {
  forget: { name: "Forget gate", low: 0, says: "how much of the old value it keeps" },
  input: { name: "Input gate", low: 0, says: "how much of the candidate it takes in" },
  output: { name: "Output gate", low: 0, says: "how much of its value it shows" },
  update: { name: "Update gate", low: 0, says: "how much of the old value it keeps" },
  reset: { name: "Reset gate", low: 0, says: "how much of the old value the candidate sees" },
  candidate: { name: "Candidate", low: -1, says: "the new value offered" },
  cell: { name: "Cell value", low: null, says: "what it remembers" },
  hidden: { name: "Output", low: -1, says: "what the next layer sees" },
};

/** Return the gates that a cell has: `key`, `name`, `low` (the lowest value, null without bounds) and `says`. */
export function gatesOf(values) {
  const rows = Object.entries(GATES).map(([key, gate]) => ({ key, ...gate }));
  return rows.filter(({ key }) => key in values);
}
