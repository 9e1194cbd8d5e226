// The packed model: one binary with a header and the weights. `docs/one-file.md` describes the format.
// Everything is checked before it is used, so a damaged file gives a message and not wrong words.

import { Matrix } from "./arithmetic.js";
import { CELL_NAMES, cellOf } from "./cells.js";

const MAGIC = "nextword";
const FORMAT = 1;
const HEADER_START = 12;
const ELEMENT = "packed-model";

/** The file does not hold a sound model. */
export class PackedModelError extends Error {
  constructor(fault) {
    super(`The model in this page must be whole, but ${fault}. Export the page again, or copy it again.`);
    this.name = "PackedModelError";
  }
}

/** Returns the bytes of the model inside this page, or null if there is none. */
export async function embeddedModel(page = document) {
  const element = page.getElementById(ELEMENT);
  return element ? inflated(decodedBytes(element.textContent), Number(element.dataset.bytes)) : null;
}

/** Returns the model in bytes: `{architecture, tokenizer, weights, ...}` as the header has them. */
export function unpackModel(bytes) {
  require(bytes.length >= HEADER_START, "it is cut off");
  require(ascii(bytes.subarray(0, MAGIC.length)) === MAGIC, "it does not begin as packed models do");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(MAGIC.length, true);
  require(HEADER_START + length <= bytes.length, "it is cut off");
  const header = parsedHeader(bytes.subarray(HEADER_START, HEADER_START + length));
  const start = aligned(HEADER_START + length);
  const tensors = {};
  for (const tensor of header.tensors) {
    tensors[tensor.name] = checkedArray(bytes, start, tensor);
  }
  return { ...header, weights: checkedWeights(header, tensors), bigrams: checkedBigrams(header, tensors) };
}

function parsedHeader(bytes) {
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new PackedModelError("its header cannot be read");
  }
  require(header?.format === FORMAT, `it has the format ${header?.format} in place of ${FORMAT}`);
  const { architecture, tokenizer, spelling, tensors } = header;
  require(architecture && tokenizer && spelling?.followers && Array.isArray(tensors), "its header lacks a part");
  require(CELL_NAMES.includes(architecture.cell), `it has the unknown cell ${architecture.cell}`);
  const { vocabulary } = tokenizer;
  const size = architecture.vocabulary_size;
  require(Array.isArray(vocabulary) && vocabulary.length === size, "its vocabulary does not fit its architecture");
  require(new Set(vocabulary).size === size, "its vocabulary holds a word twice");
  require(["<unk>", "<eos>"].every((token) => vocabulary.includes(token)), "its vocabulary lacks <unk> or <eos>");
  return header;
}

const ARRAYS = { int8: Int8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

function checkedArray(bytes, start, { name, dtype, shape, offset }) {
  const Kind = ARRAYS[dtype];
  require(Kind && Array.isArray(shape) && Number.isSafeInteger(offset), `its part ${name} is described wrongly`);
  const count = shape.reduce((product, size) => product * size, 1);
  const end = start + offset + count * Kind.BYTES_PER_ELEMENT;
  require(offset >= 0 && count >= 0 && end <= bytes.length, `its part ${name} is cut off`);
  const array = new Kind(bytes.slice(start + offset, end).buffer);
  require(!(array instanceof Float32Array) || array.every(Number.isFinite), `its part ${name} holds no finite numbers`);
  return { array, shape };
}

/** Returns the weights by name: matrices with one row an output, and vectors. Shapes follow from the architecture. */
function checkedWeights(header, tensors) {
  const weights = {};
  for (const [name, shape] of Object.entries(weightShapes(header.architecture))) {
    const tensor = tensors[name];
    require(tensor && String(tensor.shape) === String(shape), `its weight ${name} does not have the shape ${shape}`);
    if (shape.length === 1) {
      weights[name] = tensor.array;
      continue;
    }
    const scales = tensors[`${name}/scales`]?.array;
    require([1, shape[0]].includes(scales?.length), `its weight ${name} has no scales`);
    const zero = tensors[`${name}/zero`]?.array[0] ?? 0;
    weights[name] = new Matrix(...shape, tensor.array, scales, zero);
  }
  return weights;
}

function checkedBigrams(header, tensors) {
  const [words, shares] = [tensors["bigrams/words"], tensors["bigrams/shares"]];
  if (!words || !shares) {
    return null;
  }
  const [numContexts, perContext] = words.shape;
  require(String(words.shape) === String(shares.shape), "its bigrams do not fit together");
  require(numContexts === header.architecture.vocabulary_size, "its bigrams do not fit its vocabulary");
  require(words.array.every((id) => id < numContexts), "its bigrams name unknown words");
  return { perContext, words: words.array, shares: shares.array };
}

/** Returns the name and the shape of every weight: `[outputs, inputs]` of a matrix, `[size]` of a vector. */
export function weightShapes(architecture) {
  const { cell, embedding_size: embeddingSize, hidden_sizes: sizes, vocabulary_size: vocabularySize } = architecture;
  const { numGates } = cellOf(architecture);
  const shapes = { "embedding/embeddings": [vocabularySize, embeddingSize] };
  sizes.forEach((size, index) => {
    const inputSize = index ? sizes[index - 1] : embeddingSize;
    const width = numGates * size;
    const layer = { kernel: [width, inputSize], recurrent_kernel: [width, size], bias: [width] };
    Object.assign(layer, normalizationShapes(architecture, size), modulationShapes(architecture, inputSize, size));
    Object.entries(layer).forEach(([name, shape]) => {
      shapes[`${cell}_${index}/${name}`] = shape;
    });
  });
  const projection = architecture.adaptive_cutoffs.length ? adaptiveShapes(architecture) : softmaxShapes(architecture);
  Object.entries(projection).forEach(([name, shape]) => {
    shapes[`projection/${name}`] = shape;
  });
  return shapes;
}

function normalizationShapes(architecture, size) {
  if (!architecture.layer_normalization) {
    return {};
  }
  return { input_gain: [4 * size], recurrent_gain: [4 * size], cell_gain: [size], cell_bias: [size] };
}

function modulationShapes(architecture, inputSize, hiddenSize) {
  const shapes = {};
  if (architecture.cell !== "mogrifier_lstm") {
    return shapes;
  }
  let [source, target] = [hiddenSize, inputSize];
  for (let round = 1; round <= architecture.mogrifier_rounds; round++) {
    const name = `modulation_${round}`;
    const rank = architecture.mogrifier_rank;
    if (rank === undefined) {
      shapes[`${name}_kernel`] = [target, source];
    } else {
      shapes[`${name}_left`] = [rank, source];
      shapes[`${name}_right`] = [target, rank];
    }
    shapes[`${name}_bias`] = [target];
    [source, target] = [target, source];
  }
  return shapes;
}

function softmaxShapes(architecture) {
  const { vocabulary_size: vocabularySize, embedding_size: embeddingSize, mixture_size: mixtureSize } = architecture;
  const hiddenSize = architecture.hidden_sizes.at(-1);
  const shapes = {};
  let width = embeddingSize;
  if (mixtureSize > 1) {
    shapes.prior_kernel = [mixtureSize, hiddenSize];
    shapes.latent_kernel = [mixtureSize * width, hiddenSize];
    shapes.latent_bias = [mixtureSize * width];
  } else if (architecture.narrowed_output) {
    shapes.narrowing_kernel = [width, hiddenSize];
  } else {
    width = hiddenSize;
  }
  if (!architecture.tied) {
    shapes.kernel = [vocabularySize, width];
  }
  shapes.bias = [vocabularySize];
  return shapes;
}

function adaptiveShapes(architecture) {
  const cutoffs = architecture.adaptive_cutoffs;
  const hiddenSize = architecture.hidden_sizes.at(-1);
  const numClasses = cutoffs[0] + cutoffs.length;
  const shapes = { head_kernel: [numClasses, hiddenSize], head_bias: [numClasses] };
  let width = hiddenSize;
  cutoffs.forEach((cutoff, index) => {
    width /= architecture.adaptive_factor;
    const narrow = Math.max(Math.min(8, hiddenSize), Math.floor(width));
    const size = (cutoffs[index + 1] ?? architecture.vocabulary_size) - cutoff;
    shapes[`tail_${index}_projection`] = [narrow, hiddenSize];
    shapes[`tail_${index}_kernel`] = [size, narrow];
    shapes[`tail_${index}_bias`] = [size];
  });
  return shapes;
}

/** Returns the bytes of a text in which each character is a byte of windows-1252, and `=` escapes the next byte. */
function decodedBytes(text) {
  const byteOf = new Map(
    [...new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 256 }, (_, byte) => byte))].map(
      (character, byte) => [character.charCodeAt(0), byte],
    ),
  );
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    let byte = byteOf.get(text.charCodeAt(index));
    if (byte === ESCAPE) {
      index += 1;
      byte = byteOf.get(text.charCodeAt(index)) - ESCAPED;
    }
    require(byte >= 0, "it was saved in another encoding");
    bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}

const ESCAPE = 0x3d;
const ESCAPED = 64;

async function inflated(bytes, size) {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const result = new Uint8Array(await new Response(stream).arrayBuffer());
    require(result.length === size, "it is cut off");
    return result;
  } catch (error) {
    throw error instanceof PackedModelError ? error : new PackedModelError("its bytes are damaged");
  }
}

function aligned(offset) {
  return Math.ceil(offset / 8) * 8;
}

function ascii(bytes) {
  return String.fromCharCode(...bytes);
}

function require(condition, fault) {
  if (!condition) {
    throw new PackedModelError(fault);
  }
}
