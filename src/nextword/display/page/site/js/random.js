// numpy's random numbers: PCG64, seeded by a SeedSequence, so that a seed gives the same text as in Python.

const MASK_32 = 0xffffffffn;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const POOL_SIZE = 4;

/** Random numbers of `numpy.random.default_rng(seed)`; without a seed, of a new one. */
export class RandomNumbers {
  constructor(seed = null) {
    const [high, low, streamHigh, streamLow] = seedWords(BigInt(seed ?? newSeed()));
    this.increment = ((((streamHigh << 64n) | streamLow) << 1n) | 1n) & MASK_128;
    this.state = 0n;
    this.#advance();
    this.state = (this.state + ((high << 64n) | low)) & MASK_128;
    this.#advance();
  }

  /** Returns a number of at least 0 and below 1. */
  next() {
    this.#advance();
    const rotation = this.state >> 122n;
    const folded = ((this.state >> 64n) ^ this.state) & MASK_64;
    const bits = ((folded >> rotation) | (folded << (64n - rotation))) & MASK_64;
    return Number(bits >> 11n) / 2 ** 53;
  }

  #advance() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
  }
}

function newSeed() {
  return Math.floor(Math.random() * 2 ** 48);
}

/** Returns four words of 64 bits, as numpy's `SeedSequence(seed).generate_state(4, uint64)`. */
function seedWords(seed) {
  const pool = seedPool(seed);
  let constant = 0x8b51f9ddn;
  const words = Array.from({ length: 2 * POOL_SIZE }, (_, index) => {
    let word = pool[index % POOL_SIZE] ^ constant;
    constant = (constant * 0x58f38dedn) & MASK_32;
    word = (word * constant) & MASK_32;
    return word ^ (word >> 16n);
  });
  return Array.from({ length: POOL_SIZE }, (_, index) => words[2 * index] | (words[2 * index + 1] << 32n));
}

function seedPool(seed) {
  const entropy = [];
  for (let rest = seed; entropy.length === 0 || rest > 0n; rest >>= 32n) {
    entropy.push(rest & MASK_32);
  }
  let constant = 0x43b0d7e5n;
  const hashed = (value) => {
    let word = value ^ constant;
    constant = (constant * 0x931e8875n) & MASK_32;
    word = (word * constant) & MASK_32;
    return word ^ (word >> 16n);
  };
  const pool = Array.from({ length: POOL_SIZE }, (_, index) => hashed(entropy[index] ?? 0n));
  for (let source = 0; source < POOL_SIZE; source++) {
    for (let target = 0; target < POOL_SIZE; target++) {
      if (source !== target) {
        pool[target] = mixed(pool[target], hashed(pool[source]));
      }
    }
  }
  for (const word of entropy.slice(POOL_SIZE)) {
    for (let target = 0; target < POOL_SIZE; target++) {
      pool[target] = mixed(pool[target], hashed(word));
    }
  }
  return pool;
}

function mixed(a, b) {
  const word = (0xca01f9ddn * a - 0x4973f715n * b) & MASK_32;
  return word ^ (word >> 16n);
}
