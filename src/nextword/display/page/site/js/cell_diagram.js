// A cell of an LSTM as a drawing: each gate is lit by its value after the current word.

import { drawing, element, fill } from "./dom.js";
import { drawnOrder, gateOf } from "./gates.js";
import { fixed } from "./numbers.js";
import { fact } from "./word_details.js";

const RADIUS = 25;

export class CellDiagram {
  constructor() {
    this.figure = element("div", { class: "diagram" });
    this.sums = element("div", { class: "sums" });
    this.node = element("div", { class: "stack" }, this.figure, this.sums);
  }

  /**
   * @param now values of the cell after the current word, by gate
   * @param before its values one word earlier
   */
  show(now, before) {
    const isLstm = "forget" in now;
    fill(this.figure, isLstm ? lstmDrawing(now, before) : gateList(now));
    fill(this.sums, isLstm ? lstmSums(now, before) : []);
  }
}

function lstmDrawing(now, before) {
  const label = `Diagram of the cell: ${drawnOrder(Object.keys(now)).map((gate) => `${gateOf(gate).name} ${fixed(now[gate], 2)}`).join(", ")}`;
  return drawing(
    "svg",
    { viewBox: "0 0 480 270", role: "img", "aria-label": label },
    wire("M 88 60 H 396", before.cell), // the value passes along the top
    wire("M 130 170 V 60", now.forget),
    wire("M 240 60 V 138", now.candidate),
    wire("M 196 216 V 138 H 240", now.input),
    wire("M 284 216 V 138 H 240", now.candidate),
    wire("M 374 60 V 216", now.output),
    wire("M 374 138 H 396", now.hidden),
    valueBox(48, 60, before.cell, "value before"),
    valueBox(436, 60, now.cell, "value now"),
    valueBox(436, 138, now.hidden, "output"),
    joint(130, 60, "×"),
    joint(240, 60, "+"),
    joint(240, 138, "×"),
    joint(374, 138, "×"),
    light(130, 216, now.forget, "forget"),
    light(196, 216, now.input, "input"),
    light(284, 216, now.candidate, "candidate", now.candidate < 0 ? "is-negative" : "is-positive"),
    light(374, 216, now.output, "output gate"),
  );
}

function wire(path, value) {
  return drawing("path", { class: "wire", d: path, "stroke-opacity": (0.25 + 0.75 * Math.min(1, Math.abs(value))).toFixed(2) });
}

function joint(x, y, sign) {
  return drawing("g", {}, drawing("circle", { class: "joint", cx: x, cy: y, r: 13 }), drawing("text", { class: "joint-sign", x, y: y + 5, "text-anchor": "middle" }, sign));
}

/** A disc filled up to its value, with the value inside and the name below. */
function light(x, y, value, name, kind = "is-gate") {
  const share = Math.min(1, Math.abs(value));
  const around = 2 * Math.PI * RADIUS;
  return drawing(
    "g",
    { class: `light ${kind}` },
    drawing("circle", { class: "light-ground", cx: x, cy: y, r: RADIUS }),
    drawing("circle", { class: "light-glow", cx: x, cy: y, r: RADIUS, "fill-opacity": (0.5 * share).toFixed(3) }),
    drawing("circle", { class: "light-ring", cx: x, cy: y, r: RADIUS, "stroke-dasharray": `${(share * around).toFixed(1)} ${around.toFixed(1)}`, transform: `rotate(-90 ${x} ${y})` }),
    drawing("text", { class: "light-value", x, y: y + 5, "text-anchor": "middle" }, fixed(value, 2)),
    drawing("text", { class: "light-name", x, y: y + RADIUS + 19, "text-anchor": "middle" }, name),
  );
}

function valueBox(x, y, value, name) {
  const kind = value < 0 ? "is-negative" : "is-positive";
  return drawing(
    "g",
    { class: `light ${kind}` },
    drawing("rect", { class: "light-ground", x: x - 40, y: y - 20, width: 80, height: 40, rx: 10 }),
    drawing("rect", { class: "light-glow", x: x - 40, y: y - 20, width: 80, height: 40, rx: 10, "fill-opacity": (0.5 * Math.min(1, Math.abs(value))).toFixed(3) }),
    drawing("text", { class: "light-value", x, y: y + 5, "text-anchor": "middle" }, fixed(value, 2)),
    drawing("text", { class: "light-name", x, y: y - 28, "text-anchor": "middle" }, name),
  );
}

function lstmSums(now, before) {
  const sum = now.forget * before.cell + now.input * now.candidate;
  const shown = now.output * Math.tanh(now.cell);
  const show = (value) => fixed(value, 2);
  const signed = (value) => (value < 0 ? `(${show(value)})` : show(value));
  const lines = [];
  if (Math.abs(sum - now.cell) < 1e-3) lines.push(["value", `${show(now.forget)} · ${signed(before.cell)} + ${show(now.input)} · ${signed(now.candidate)} = ${show(now.cell)}`]);
  if (Math.abs(shown - now.hidden) < 1e-3) lines.push(["output", `${show(now.output)} · tanh ${signed(now.cell)} = ${show(now.hidden)}`]);
  return lines.map(([name, text]) => element("p", { class: "sum" }, element("span", { class: "sum-name" }, name), text));
}

function gateList(now) {
  const rows = drawnOrder(Object.keys(now)).map((gate) => fact(gateOf(gate).name, fixed(now[gate], 3)));
  return element("dl", { class: "figures" }, rows);
}
