// Arithmetic on vectors (Float32Array).

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
}

export function add(a, b) {
  return a.map((x, index) => x + b[index]);
}

export function multiply(a, b) {
  return a.map((x, index) => x * b[index]);
}

export function sigmoid(a) {
  return a.map((x) => 1 / (1 + Math.exp(-x)));
}

export function tanh(a) {
  return a.map((x) => Math.tanh(x));
}

/** Returns `factor * a + summand`, both numbers. */
export function affine(a, factor, summand) {
  return a.map((x) => factor * x + summand);
}

/** Returns `count` parts of equal length. */
export function split(a, count) {
  const size = a.length / count;
  return Array.from({ length: count }, (_, part) => a.slice(part * size, (part + 1) * size));
}

export function logSoftmax(a) {
  const max = a.reduce((high, value) => Math.max(high, value), -Infinity);
  return affine(a, 1, -max - Math.log(a.reduce((sum, value) => sum + Math.exp(value - max), 0)));
}

/** Returns the inner product of two vectors. */
export function dot(a, b) {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += a[index] * b[index];
  return sum;
}
