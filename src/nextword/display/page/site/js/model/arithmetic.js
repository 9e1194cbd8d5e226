// Arithmetic on vectors (Float32Array), with gradients on request: reverse-mode differentiation over a list of steps.
// One program of a cell then serves predictions, and the question which earlier words a prediction depends on.

/**
 * A matrix of `rows` outputs by `columns` inputs: `steps` (rows * columns), each row times its scale.
 * `scales` has one number a row, or one for all rows.
 */
export class Matrix {
  constructor(rows, columns, steps, scales) {
    this.rows = rows;
    this.columns = columns;
    this.steps = steps;
    this.scales = scales;
  }

  scale(row) {
    return this.scales[this.scales.length === 1 ? 0 : row];
  }

  row(index) {
    const values = new Float32Array(this.columns);
    const scale = this.scale(index);
    const first = index * this.columns;
    for (let column = 0; column < this.columns; column += 1) {
      values[column] = scale * this.steps[first + column];
    }
    return values;
  }

  /** Returns some of the rows as a matrix over the same numbers. */
  rowsBetween(start, end) {
    const steps = this.steps.subarray(start * this.columns, end * this.columns);
    const scales = this.scales.length === 1 ? this.scales : this.scales.subarray(start, end);
    return new Matrix(end - start, this.columns, steps, scales);
  }

  /** Returns the product with a vector (columns), a vector (rows). */
  product(vector) {
    const { rows, columns, steps } = this;
    const result = new Float32Array(rows);
    const numFours = rows - (rows % 4);
    let first = 0;
    for (let row = 0; row < numFours; row += 4) {
      // Four rows at once: each number of the vector is read once, and the sums do not wait for each other.
      let [a, b, c, d] = [0, 0, 0, 0];
      const second = first + columns;
      const third = second + columns;
      const fourth = third + columns;
      for (let column = 0; column < columns; column += 1) {
        const value = vector[column];
        a += value * steps[first + column];
        b += value * steps[second + column];
        c += value * steps[third + column];
        d += value * steps[fourth + column];
      }
      result[row] = a * this.scale(row);
      result[row + 1] = b * this.scale(row + 1);
      result[row + 2] = c * this.scale(row + 2);
      result[row + 3] = d * this.scale(row + 3);
      first = fourth + columns;
    }
    for (let row = numFours; row < rows; row += 1, first += columns) {
      let sum = 0;
      for (let column = 0; column < columns; column += 1) {
        sum += vector[column] * steps[first + column];
      }
      result[row] = sum * this.scale(row);
    }
    return result;
  }

  /** Adds the transposed product with a vector (rows) to `sums` (columns). */
  addTransposedProduct(vector, sums) {
    const { rows, columns, steps } = this;
    for (let row = 0, first = 0; row < rows; row += 1, first += columns) {
      const factor = vector[row] * this.scale(row);
      if (factor === 0) continue;
      for (let column = 0; column < columns; column += 1) {
        sums[column] += factor * steps[first + column];
      }
    }
  }
}

const EPSILON = 1e-5;

/** Functions of an element with their slope, which gets the value, and of two, with slopes that get both elements. */
const SIGMOID = { value: (x) => 1 / (1 + Math.exp(-x)), slope: (y) => y * (1 - y) };
const TANH = { value: Math.tanh, slope: (y) => 1 - y ** 2 };
const SUM = { value: (x, y) => x + y, slopes: [() => 1, () => 1] };
const PRODUCT = { value: (x, y) => x * y, slopes: [(_, y) => y, (x) => x] };
const MINIMUM = { value: (x, y) => Math.min(x, y), slopes: [(x, y) => Number(x <= y), (x, y) => Number(x > y)] };

/** Vector operations. With `records`, `gradients` works backwards through them. */
export class Arithmetic {
  constructor({ records = false } = {}) {
    this.records = records;
    this.steps = [];
    this.found = new Map();
  }

  /** Returns the gradient of `result` with respect to each of `inputs`, for the gradient `seed` of the result. */
  gradients(result, seed, inputs) {
    this.found = new Map([[result, seed]]);
    for (const { made, backward } of this.steps.toReversed()) {
      const gradient = this.found.get(made);
      if (gradient) backward(gradient);
    }
    return inputs.map((input) => this.found.get(input) ?? new Float32Array(input.length));
  }

  product(matrix, vector) {
    const made = matrix.product(vector);
    return this.#record(made, (gradient) => matrix.addTransposedProduct(gradient, this.#sums(vector)));
  }

  add(a, b) {
    return this.#ofTwo(a, b, SUM);
  }

  multiply(a, b) {
    return this.#ofTwo(a, b, PRODUCT);
  }

  minimum(a, b) {
    return this.#ofTwo(a, b, MINIMUM);
  }

  sigmoid(a) {
    return this.#ofOne(a, SIGMOID);
  }

  tanh(a) {
    return this.#ofOne(a, TANH);
  }

  /** Returns `factor * a + summand`, both numbers. */
  affine(a, factor, summand) {
    return this.#ofOne(a, { value: (x) => factor * x + summand, slope: () => factor });
  }

  /** Returns a vector with mean 0 and variance 1, as layer normalization has it. */
  normalized(a) {
    const mean = total(a) / a.length;
    const variance = a.reduce((sum, value) => sum + (value - mean) ** 2, 0) / a.length;
    const factor = 1 / Math.sqrt(variance + EPSILON);
    const made = a.map((value) => (value - mean) * factor);
    return this.#record(made, (gradient) => {
      const meanGradient = total(gradient) / a.length;
      const along = gradient.reduce((sum, value, index) => sum + value * made[index], 0) / a.length;
      this.#accumulate(a, (index) => factor * (gradient[index] - meanGradient - made[index] * along));
    });
  }

  /** Returns `count` parts of equal length. */
  split(a, count) {
    const size = a.length / count;
    return Array.from({ length: count }, (_, part) => this.part(a, part * size, (part + 1) * size));
  }

  part(a, start, end) {
    return this.#record(a.slice(start, end), (gradient) => {
      const sums = this.#sums(a);
      gradient.forEach((value, index) => {
        sums[start + index] += value;
      });
    });
  }

  concatenate(parts) {
    const made = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
    let length = 0;
    const starts = parts.map((part) => {
      made.set(part, length);
      length += part.length;
      return length - part.length;
    });
    return this.#record(made, (gradient) => {
      for (const [number, part] of parts.entries()) this.#accumulate(part, (index) => gradient[starts[number] + index]);
    });
  }

  /** Returns `a` with the number `b[place]` added to all elements. */
  shift(a, b, place) {
    const made = a.map((value) => value + b[place]);
    return this.#record(made, (gradient) => {
      this.#accumulate(a, (index) => gradient[index]);
      this.#sums(b)[place] += total(gradient);
    });
  }

  logSoftmax(a) {
    const max = a.reduce((high, value) => Math.max(high, value), -Infinity);
    const logSum = max + Math.log(a.reduce((sum, value) => sum + Math.exp(value - max), 0));
    const made = a.map((value) => value - logSum);
    return this.#record(made, (gradient) => {
      const whole = total(gradient);
      this.#accumulate(a, (index) => gradient[index] - Math.exp(made[index]) * whole);
    });
  }

  /** Returns the logarithm of the sum of exponentials over several vectors, element by element. */
  logSumExp(vectors) {
    const made = vectors[0].map((_, index) => {
      const most = Math.max(...vectors.map((vector) => vector[index]));
      return most + Math.log(vectors.reduce((sum, vector) => sum + Math.exp(vector[index] - most), 0));
    });
    return this.#record(made, (gradient) => {
      for (const vector of vectors) {
        this.#accumulate(vector, (index) => gradient[index] * Math.exp(vector[index] - made[index]));
      }
    });
  }

  #ofOne(a, { value, slope }) {
    const made = a.map((x) => value(x));
    return this.#record(made, (gradient) => this.#accumulate(a, (index) => gradient[index] * slope(made[index])));
  }

  #ofTwo(a, b, { value, slopes }) {
    const made = a.map((x, index) => value(x, b[index]));
    return this.#record(made, (gradient) => {
      this.#accumulate(a, (index) => gradient[index] * slopes[0](a[index], b[index]));
      this.#accumulate(b, (index) => gradient[index] * slopes[1](a[index], b[index]));
    });
  }

  #record(made, backward) {
    if (this.records) this.steps.push({ made, backward });
    return made;
  }

  #sums(vector) {
    const sums = this.found.get(vector) ?? new Float32Array(vector.length);
    this.found.set(vector, sums);
    return sums;
  }

  #accumulate(vector, gradientOf) {
    const sums = this.#sums(vector);
    for (let index = 0; index < sums.length; index += 1) sums[index] += gradientOf(index);
  }
}

function total(vector) {
  return vector.reduce((sum, value) => sum + value, 0);
}
