// One step of each kind of recurrent layer, by the equations of `nextword.model.layers`. A step takes the weights of the
// layer, its input, its state [hidden, cell] and the architecture; it returns the next state and what it computed.

import { add, affine, minimum, multiply, normalized, sigmoid, split, tanh } from "./arithmetic.js";

/** The `step` of each kind of cell, and how many state arrays it has. */
export const CELLS = {
  lstm: { numStates: 2, step: lstmStep },
  mogrifier_lstm: { numStates: 2, step: mogrifierStep },
  gru: { numStates: 1, step: gruStep },
  rnn: { numStates: 1, step: rnnStep },
};

function lstmStep(weights, x, [hidden, cell], architecture) {
  let projected = weights.kernel.product(x);
  const read = architecture.state_modulation ? modulated(weights, "modulation", x, hidden) : hidden;
  let recurrent = weights.recurrent_kernel.product(read);
  if (architecture.layer_normalization) {
    projected = multiply(normalized(projected), weights.input_gain);
    recurrent = multiply(normalized(recurrent), weights.recurrent_gain);
  }
  return updateCell(weights, add(add(projected, recurrent), weights.bias), cell, architecture);
}

function updateCell(weights, gates, cell, architecture) {
  const [i, f, g, o] = split(gates, 4);
  let input = sigmoid(i);
  const forget = sigmoid(f);
  const candidate = tanh(g);
  const output = sigmoid(o);
  if (architecture.cap_input_gate) input = minimum(input, affine(forget, -1, 1));
  const next = add(multiply(forget, cell), multiply(input, candidate));
  const squashed = architecture.layer_normalization
    ? add(multiply(normalized(next), weights.cell_gain), weights.cell_bias)
    : next;
  const hidden = multiply(output, tanh(squashed));
  return { state: [hidden, next], gates: { input, forget, candidate, output, cell: next, hidden } };
}

function modulated(weights, name, source, target) {
  const [outer, inner] = [weights[`${name}_right`], weights[`${name}_left`]]; // if the matrix has a low rank
  const product = outer ? outer.product(inner.product(source)) : weights[`${name}_kernel`].product(source);
  return multiply(affine(sigmoid(add(product, weights[`${name}_bias`])), 2, 0), target);
}

function mogrifierStep(weights, input, [hidden, cell], architecture) {
  let [x, h] = [input, hidden];
  for (let round = 1; round <= architecture.mogrifier_rounds; round += 1) {
    if (round % 2) x = modulated(weights, `modulation_${round}`, h, x);
    else h = modulated(weights, `modulation_${round}`, x, h);
  }
  const gates = add(weights.kernel.product(x), weights.recurrent_kernel.product(h));
  return updateCell(weights, add(gates, weights.bias), cell, architecture);
}

function gruStep(weights, x, [hidden]) {
  const size = hidden.length;
  const projected = add(weights.kernel.product(x), weights.bias);
  // The recurrent kernel in two parts: the candidate reads the hidden state after the reset gate.
  const { recurrent_kernel: kernel } = weights;
  const [gatesKernel, candidateKernel] = [kernel.rowsBetween(0, 2 * size), kernel.rowsBetween(2 * size, kernel.rows)];
  const [toUpdate, toReset, toCandidate] = split(projected, 3);
  const [ownUpdate, ownReset] = split(gatesKernel.product(hidden), 2);
  const update = sigmoid(add(toUpdate, ownUpdate));
  const reset = sigmoid(add(toReset, ownReset));
  const candidate = tanh(add(toCandidate, candidateKernel.product(multiply(reset, hidden))));
  const next = add(multiply(update, hidden), multiply(affine(update, -1, 1), candidate));
  return { state: [next], gates: { update, reset, candidate, hidden: next } };
}

function rnnStep(weights, x, [hidden]) {
  const sums = add(weights.kernel.product(x), weights.recurrent_kernel.product(hidden));
  const candidate = tanh(add(sums, weights.bias));
  return { state: [candidate], gates: { candidate, hidden: candidate } };
}
