// What an unknown word costs: the probability of its spelling, exactly as `nextword.text.tokens.spelling` computes it.

const EDGE = "\n"; // the beginning of a word in a context, and its end as a character
const LONGEST_CONTEXT = 4; // characters
const NUM_CHARACTERS = 0x110000 - 0x800 + 1; // all of Unicode without surrogates, and the end sign

export class UnknownWord {
  /** `followers` gives for each context its characters in one string, their counts and the weight of the backoff. */
  constructor({ log_unknown: logUnknown, followers }) {
    this.logUnknown = logUnknown;
    this.tables = new Map();
    for (const [context, [characters, counts, backoff]] of Object.entries(followers)) {
      const countOf = new Map(Array.from(characters, (character, index) => [character, counts[index]]));
      this.tables.set(context, { countOf, backoff, total: counts.reduce((sum, count) => sum + count, 0) });
    }
  }

  /** Returns the log-probability of the spelling of a word, given that the vocabulary lacks it. */
  logProb(word) {
    const characters = Array.from(`${EDGE}${word}${EDGE}`);
    const logProbs = characters.slice(1).map((_, place) => Math.log(this.#probability(characters, place + 1)));
    return logProbs.reduce((sum, value) => sum + value, -this.logUnknown);
  }

  #probability(characters, place) {
    let probability = 1 / NUM_CHARACTERS;
    for (let length = 0; length <= Math.min(place, LONGEST_CONTEXT); length += 1) {
      const table = this.tables.get(characters.slice(place - length, place).join(""));
      if (!table) break;
      const count = table.countOf.get(characters[place]) ?? 0;
      probability = (count + table.backoff * probability) / (table.total + table.backoff);
    }
    return probability;
  }
}
