// The gates of one cell over time: a row for each gate, a column for each word.

import { gatesOf } from "../model/gates.js";
import { fixed } from "../model/numbers.js";
import { drawing, element, fill } from "./dom.js";

const [MIN_STRIDE, MAX_STRIDE] = [46, 84]; // units of the drawing are pixels
const [BAND, BAND_GAP, BAR_GAP] = [52, 10, 9];
const LABEL_ROOM = 74;
const MAX_LABEL = 11; // characters

export class GateChart {
  /** @param {(index: number) => void} onIndex gets the index of a word that was clicked */
  constructor(onIndex) {
    this.names = element("div.chart-names", { "aria-hidden": "true" });
    this.scroller = element("div.chart-scroller");
    this.node = element("div.gate-chart", this.names, this.scroller);
    this.onIndex = onIndex;
    this.stride = MIN_STRIDE;
    this.words = [];
    this.column = drawing("rect.chart-column");
  }

  show(reading, layer, cell) {
    const gates = gatesOf(reading.gates);
    const { words } = reading;
    const room = Math.floor(this.scroller.clientWidth / Math.max(1, words.length));
    this.stride = Math.min(MAX_STRIDE, Math.max(MIN_STRIDE, room));
    const width = Math.max(1, words.length) * this.stride;
    const height = gates.length * (BAND + BAND_GAP);
    const whole = height + LABEL_ROOM;
    this.column = drawing("rect.chart-column", { y: 0, width: this.stride, height, rx: 6 });
    const rows = gates.map((gate, row) => {
      return this.row(gate, reading.course(layer, gate.key, cell), row * (BAND + BAND_GAP), width);
    });
    const named = gates.map(({ name }) => name.toLowerCase()).join(", ");
    const label = `Cell ${cell} of layer ${layer + 1}: ${named} after each of ${words.length} words`;
    const box = { viewBox: `0 0 ${width} ${whole}`, width, height: whole, role: "img", "aria-label": label };
    this.words = words.map((word, index) => this.label(word, index, height + 14));
    const targets = words.map((word, index) => this.target(word, index, whole));
    const names = gates.map(({ name, says }) => element("div.chart-name", { title: says }, name));
    fill(this.names, names);
    const left = this.scroller.scrollLeft;
    fill(this.scroller, drawing("svg", box, this.column, rows, this.words, targets));
    this.scroller.scrollLeft = left;
  }

  row({ low }, values, top, width) {
    const reach = low === null ? Math.max(1, ...values.map(Math.abs)) : 1;
    const isSigned = low !== 0;
    const room = isSigned ? BAND / 2 : BAND;
    const zero = top + room;
    const bars = values.map((value, index) => {
      const size = (Math.abs(value) * room) / reach;
      const kind = isSigned ? (value < 0 ? "is-negative" : "is-positive") : "is-gate";
      const [y, height] = [value < 0 ? zero : zero - size, Math.max(size, 0.75)];
      const shape = { x: index * this.stride + BAR_GAP, y, width: this.stride - 2 * BAR_GAP, height, rx: 2 };
      return drawing(`rect.chart-bar.${kind}`, shape);
    });
    const line = (y, kind) => drawing(`line.${kind}`, { x1: 0, x2: width, y1: y, y2: y });
    const bound = low === null ? [drawing("text.chart-bound", { x: 2, y: top + 9 }, fixed(reach, 1))] : [];
    return drawing("g", line(top, "chart-edge"), line(zero, "chart-zero"), bars, bound);
  }

  label(word, index, y) {
    const x = (index + 0.5) * this.stride + 4;
    const shown = word.length > MAX_LABEL ? `${word.slice(0, MAX_LABEL - 1)}…` : word;
    return drawing("text.chart-word", { x, y, transform: `rotate(-48 ${x} ${y})`, "text-anchor": "end" }, shown);
  }

  target(word, index, height) {
    const box = { x: index * this.stride, y: 0, width: this.stride, height, onclick: () => this.onIndex(index) };
    return drawing("rect.chart-target", box, drawing("title", word));
  }

  /** Mark the column of a word and bring it into view. */
  moveTo(index) {
    const left = index * this.stride;
    this.column.setAttribute("x", String(left));
    for (const [other, word] of this.words.entries()) word.classList.toggle("is-current", other === index);
    const { scrollLeft, clientWidth } = this.scroller;
    const isLeft = left < scrollLeft + this.stride;
    const isRight = left > scrollLeft + clientWidth - 2 * this.stride;
    if (isLeft) this.scroller.scrollLeft = Math.max(0, left - 2 * this.stride);
    if (isRight) this.scroller.scrollLeft = left - clientWidth + 3 * this.stride;
  }
}
