// One step of each kind of recurrent layer, by the equations of `nextword.model.layers`. A step takes the weights of the
// layer, its input, its state [hidden, cell] and the architecture; it returns the next state and what it computed.

import { add, affine, multiply, sigmoid, split, tanh } from "./arithmetic.js";

/** The `step` of each kind of cell, and how many state arrays it has. */
export const CELLS = {
  lstm: { numStates: 2, step: lstmStep },
  gru: { numStates: 1, step: gruStep },
  rnn: { numStates: 1, step: rnnStep },
};

function lstmStep(weights, x, [before, cell], architecture) {
  const read = architecture.state_modulation ? multiply(modulation(weights, x), before) : before;
  const sums = add(weights.kernel.product(x), weights.recurrent_kernel.product(read));
  const [i, f, g, o] = split(add(sums, weights.bias), 4);
  const input = sigmoid(i);
  const forget = sigmoid(f);
  const candidate = tanh(g);
  const output = sigmoid(o);
  const next = add(multiply(forget, cell), multiply(input, candidate));
  const hidden = multiply(output, tanh(next));
  return { state: [hidden, next], gates: { input, forget, candidate, output, cell: next, hidden } };
}

function modulation(weights, x) {
  return affine(sigmoid(add(weights.modulation_kernel.product(x), weights.modulation_bias)), 2, 0);
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
