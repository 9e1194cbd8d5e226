// The packed model: one binary with a header and the weights. `docs/one-file.md` describes the format.
// Python checks a model before it packs it, and the checksum of gzip tells a damaged copy.

import { Matrix } from "./arithmetic.js";

const FORMAT = 1;
const [SIZE_START, HEADER_START] = [8, 12]; // after the word `nextword`
const ALIGNMENT = 8;
const ELEMENT = "packed-model";
const [ESCAPE, ESCAPED] = [0x3d, 64];
const ARRAYS = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

/** Returns the bytes of the model inside this page. */
export async function embeddedModel() {
  const element = document.getElementById(ELEMENT);
  require(element, "it is not there");
  return inflated(decodedBytes(element.textContent), Number(element.dataset.bytes));
}

/** Returns the model in bytes: its header, with `weights` and `mixture`.
 *
 * @param {Uint8Array} bytes
 * @returns {PackedModel}
 */
export function unpackModel(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = HEADER_START + view.getUint32(SIZE_START, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(HEADER_START, end)));
  require(header.format === FORMAT, `it has the format ${header.format} in place of ${FORMAT}`);
  const data = bytes.subarray(Math.ceil(end / ALIGNMENT) * ALIGNMENT);
  const named = header.tensors.map((tensor) => [tensor.name, { ...tensor, array: arrayOf(data, tensor) }]);
  const tensors = Object.fromEntries(named);
  return { ...header, weights: weightsOf(tensors), mixture: mixtureOf(header, tensors) };
}

function arrayOf(data, { dtype, shape, offset }) {
  const Kind = ARRAYS[dtype];
  const end = offset + shape.reduce((product, size) => product * size, Kind.BYTES_PER_ELEMENT);
  return new Kind(data.slice(offset, end).buffer);
}

/** Returns the weights by name: integers are matrices with one row an output, with scales. */
function weightsOf(tensors) {
  const weights = Object.entries(tensors).map(([name, { dtype, shape, array }]) => {
    if (dtype !== "int8") return [name, array];
    const [rows, columns] = shape;
    return [name, new Matrix(rows, columns, array, tensors[`${name}/scales`].array)];
  });
  return Object.fromEntries(weights);
}

/** Returns what is mixed with the network: `settings`, the probabilities of `singles`, and the n-grams by length. */
function mixtureOf({ mixture, architecture }, tensors) {
  if (!mixture) return null;
  const { share_step: step, ...settings } = mixture;
  const size = architecture.vocabulary_size;
  const arrayNamed = (name) => tensors[`ngrams/${name}`].array;
  const shareOf = Float64Array.from({ length: 256 }, (_, steps) => Math.exp(-step * steps));
  const singles = settings.ngram_weight ? arrayNamed("singles") : new Float32Array(size);
  const levels = [];
  for (let length = 2, contexts = size; tensors[`ngrams/${length}/sizes`]; length += 1) {
    const [sizes, tokens, shares] = ["sizes", "tokens", "shares"].map((part) => arrayNamed(`${length}/${part}`));
    const starts = new Uint32Array(contexts + 1);
    for (let context = 0; context < contexts; context += 1) starts[context + 1] = starts[context] + sizes[context];
    levels.push({ starts, tokens, shares: Float32Array.from(shares).map((steps) => shareOf[steps]) });
    contexts = tokens.length;
  }
  return { settings, singles, levels };
}

/** Returns the bytes of a text in which each character is a byte of windows-1252, and `=` escapes the next byte. */
function decodedBytes(text) {
  const characters = new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const byteOf = new Map(Array.from(characters, (character, byte) => [character.charCodeAt(0), byte]));
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index += 1) {
    let byte = byteOf.get(text.charCodeAt(index)) ?? -1;
    if (byte === ESCAPE) {
      index += 1;
      byte = (byteOf.get(text.charCodeAt(index)) ?? -1) - ESCAPED;
    }
    require(byte >= 0, "it was saved in another encoding");
    bytes[length] = byte;
    length += 1;
  }
  return bytes.subarray(0, length);
}

async function inflated(bytes, size) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer().catch(() => null);
  require(buffer && buffer.byteLength === size, "its bytes are damaged");
  return new Uint8Array(buffer);
}

/** @returns {asserts condition} */
function require(condition, fault) {
  if (condition) return;
  throw new Error(`The model in this page must be whole, but ${fault}. Export the page again, or copy it again.`);
}
