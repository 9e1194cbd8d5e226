// What temperature and top-p do to probabilities.

/** Return the words with their probabilities at a temperature, and whether top-p cuts them.
 *
 * @param words list of { text, probability }, the most probable first
 * @param temperature 0 puts all on the first
 * @param topP share that the kept words reach
 */
export function reshaped(words, temperature, topP) {
  const logs = words.map((word) => Math.log(Math.max(word.probability, 1e-30)));
  const weights = logs.map((log, index) => (temperature === 0 ? Number(index === 0) : Math.exp((log - logs[0]) / temperature)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let before = 0;
  const drawn = words.map(({ text }, index) => {
    const probability = weights[index] / total;
    const isCut = before >= topP;
    before += probability;
    return { text, probability, isCut };
  });
  const kept = drawn.reduce((sum, word) => sum + (word.isCut ? 0 : word.probability), 0);
  return drawn.map((word) => ({ ...word, probability: word.isCut ? word.probability : word.probability / kept }));
}
