// The gates of one cell over time: a row for each gate, a column for each word.

import { drawing, element, fill } from "./dom.js";
import { drawnOrder, gateOf } from "./gates.js";
import { fixed } from "./numbers.js";

const NARROWEST = 46; // units of the drawing are pixels
const WIDEST = 84;
const BAND = 52;
const BAND_GAP = 10;
const LABEL_ROOM = 74;

export class GateChart {
  /** @param onPlace function of the place of a word that was clicked */
  constructor(onPlace) {
    this.names = element("div", { class: "chart-names", "aria-hidden": "true" });
    this.scroller = element("div", { class: "chart-scroller" });
    this.node = element("div", { class: "gate-chart" }, this.names, this.scroller);
    this.onPlace = onPlace;
  }

  show(reading, layer, cell) {
    const gates = drawnOrder(reading.gates);
    const { words } = reading;
    const room = Math.floor(this.scroller.clientWidth / Math.max(1, words.length));
    this.stride = Math.min(WIDEST, Math.max(NARROWEST, room));
    const width = Math.max(1, words.length) * this.stride;
    const height = gates.length * (BAND + BAND_GAP) + LABEL_ROOM;
    this.column = drawing("rect", { class: "chart-column", y: 0, width: this.stride, height: height - LABEL_ROOM, rx: 6 });
    const rows = gates.map((gate, row) => this.row(gate, reading.course(layer, gate, cell), row * (BAND + BAND_GAP), width));
    const label = `Cell ${cell} of layer ${layer + 1}: ${gates.map((gate) => gateOf(gate).name.toLowerCase()).join(", ")} after each of ${words.length} words`;
    const image = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, this.column, rows, this.labels(words, height - LABEL_ROOM + 6), this.targets(words, height));
    fill(this.names, gates.map((gate) => element("div", { class: "chart-name", title: gateOf(gate).says }, gateOf(gate).name)));
    const left = this.scroller.scrollLeft;
    fill(this.scroller, image);
    this.scroller.scrollLeft = left;
    this.words = drawingsOf(image, ".chart-word");
  }

  row(gate, values, top, width) {
    const { low } = gateOf(gate);
    const reach = low === null ? Math.max(1, ...values.map(Math.abs)) : 1;
    const isSigned = low !== 0;
    const zero = top + (isSigned ? BAND / 2 : BAND);
    const scale = (isSigned ? BAND / 2 : BAND) / reach;
    const bars = values.map((value, place) => {
      const size = Math.abs(value) * scale;
      const kind = isSigned ? (value < 0 ? "is-negative" : "is-positive") : "is-gate";
      return drawing("rect", { class: `chart-bar ${kind}`, x: place * this.stride + 9, y: value < 0 ? zero : zero - size, width: this.stride - 18, height: Math.max(size, 0.75), rx: 2 });
    });
    const line = (y, name) => drawing("line", { class: name, x1: 0, x2: width, y1: y, y2: y });
    const bound = low === null ? [drawing("text", { class: "chart-bound", x: 2, y: top + 9 }, fixed(reach, 1))] : [];
    return drawing("g", {}, line(top, "chart-edge"), line(zero, "chart-zero"), bars, bound);
  }

  labels(words, y) {
    return words.map((word, place) => {
      const x = place * this.stride + this.stride / 2 + 4;
      const shown = word.length > 11 ? `${word.slice(0, 10)}…` : word;
      return drawing("text", { class: "chart-word", x, y: y + 8, transform: `rotate(-48 ${x} ${y + 8})`, "text-anchor": "end" }, shown);
    });
  }

  targets(words, height) {
    return words.map((word, place) => drawing("rect", { class: "chart-target", x: place * this.stride, y: 0, width: this.stride, height, onclick: () => this.onPlace(place) }, drawing("title", {}, word)));
  }

  /** Mark the column of a word and bring it into view. */
  moveTo(place) {
    this.column.setAttribute("x", place * this.stride);
    this.words.forEach((word, index) => word.classList.toggle("is-current", index === place));
    const { scrollLeft, clientWidth } = this.scroller;
    const left = place * this.stride;
    if (left < scrollLeft + this.stride) this.scroller.scrollLeft = Math.max(0, left - 2 * this.stride);
    if (left > scrollLeft + clientWidth - 2 * this.stride) this.scroller.scrollLeft = left - clientWidth + 3 * this.stride;
  }
}

function drawingsOf(image, selector) {
  return [...image.querySelectorAll(selector)];
}
