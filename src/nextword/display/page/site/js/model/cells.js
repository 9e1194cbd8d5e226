// One step of each kind of recurrent layer, by the equations of `nextword.model.layers`. A step takes the arithmetic,
// the weights of the layer, its input and its state [hidden, cell]; it returns the next state and what it computed.

/** Returns the cell of an architecture: its `step`, and how many state arrays it has. */
export function cellOf(architecture) {
  const { numStates, step } = CELLS[architecture.cell];
  return { numStates, step: (a, weights, x, state) => step(a, weights, x, state, architecture) };
}

const CELLS = {
  lstm: { numStates: 2, step: lstmStep },
  mogrifier_lstm: { numStates: 2, step: mogrifierStep },
  gru: { numStates: 1, step: gruStep },
  rnn: { numStates: 1, step: rnnStep },
};

export const CELL_NAMES = Object.keys(CELLS);

function lstmStep(a, weights, x, [hidden, cell], architecture) {
  let projected = a.product(weights.kernel, x);
  let recurrent = a.product(weights.recurrent_kernel, hidden);
  if (architecture.layer_normalization) {
    projected = a.multiply(a.normalized(projected), weights.input_gain);
    recurrent = a.multiply(a.normalized(recurrent), weights.recurrent_gain);
  }
  return updateCell(a, weights, a.add(a.add(projected, recurrent), weights.bias), cell, architecture);
}

function updateCell(a, weights, gates, cell, architecture) {
  const [i, f, g, o] = a.split(gates, 4);
  let input = a.sigmoid(i);
  const forget = a.sigmoid(f);
  const candidate = a.tanh(g);
  const output = a.sigmoid(o);
  if (architecture.cap_input_gate) input = a.minimum(input, a.affine(forget, -1, 1));
  const next = a.add(a.multiply(forget, cell), a.multiply(input, candidate));
  const squashed = architecture.layer_normalization
    ? a.add(a.multiply(a.normalized(next), weights.cell_gain), weights.cell_bias)
    : next;
  const hidden = a.multiply(output, a.tanh(squashed));
  return { state: [hidden, next], gates: { input, forget, candidate, output, cell: next, hidden } };
}

function mogrifierStep(a, weights, input, [hidden, cell], architecture) {
  let x = input;
  let h = hidden;
  const modulated = (source, target, round) => {
    const name = `modulation_${round}`;
    const [outer, inner] = [weights[`${name}_right`], weights[`${name}_left`]]; // if the matrix has a low rank
    const product = outer ? a.product(outer, a.product(inner, source)) : a.product(weights[`${name}_kernel`], source);
    return a.multiply(a.affine(a.sigmoid(a.add(product, weights[`${name}_bias`])), 2, 0), target);
  };
  for (let round = 1; round <= architecture.mogrifier_rounds; round += 1) {
    if (round % 2) x = modulated(h, x, round);
    else h = modulated(x, h, round);
  }
  const gates = a.add(a.product(weights.kernel, x), a.product(weights.recurrent_kernel, h));
  return updateCell(a, weights, a.add(gates, weights.bias), cell, architecture);
}

function gruStep(a, weights, x, [hidden]) {
  const size = hidden.length;
  const projected = a.add(a.product(weights.kernel, x), weights.bias);
  // The recurrent kernel in two parts: the candidate reads the hidden state after the reset gate.
  const { recurrent_kernel: kernel } = weights;
  const [gatesKernel, candidateKernel] = [kernel.rowsBetween(0, 2 * size), kernel.rowsBetween(2 * size, kernel.rows)];
  const recurrent = a.product(gatesKernel, hidden);
  const update = a.sigmoid(a.add(a.part(projected, 0, size), a.part(recurrent, 0, size)));
  const reset = a.sigmoid(a.add(a.part(projected, size, 2 * size), a.part(recurrent, size, 2 * size)));
  const read = a.product(candidateKernel, a.multiply(reset, hidden));
  const candidate = a.tanh(a.add(a.part(projected, 2 * size, 3 * size), read));
  const next = a.add(a.multiply(update, hidden), a.multiply(a.affine(update, -1, 1), candidate));
  return { state: [next], gates: { update, reset, candidate, hidden: next } };
}

function rnnStep(a, weights, x, [hidden]) {
  const sums = a.add(a.product(weights.kernel, x), a.product(weights.recurrent_kernel, hidden));
  const candidate = a.tanh(a.add(sums, weights.bias));
  return { state: [candidate], gates: { candidate, hidden: candidate } };
}
