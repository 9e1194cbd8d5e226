// A cell of an LSTM as a drawing: each gate is lit by its value after the current word.

import { gatesOf } from "../model/gates.js";
import { fixed } from "../model/numbers.js";
import { drawing, element, facts, fill } from "./dom.js";

const RADIUS = 25;
const AROUND = 2 * Math.PI * RADIUS;
const TOLERANCE = 1e-3;

export class CellDiagram {
  constructor() {
    this.figure = element("div.diagram");
    this.sums = element("div.sums");
    this.node = element("div.stack", this.figure, this.sums);
  }

  /** Draw the values of the cell after the current word, by gate, and those one word earlier. */
  show(now, before) {
    const isLstm = "forget" in now;
    fill(this.figure, isLstm ? lstmDrawing(now, before) : gateList(now));
    fill(this.sums, isLstm ? lstmSums(now, before) : []);
  }
}

function lstmDrawing(now, before) {
  const values = gatesOf(now).map(({ key, name }) => `${name} ${fixed(now[key], 2)}`);
  const label = `Diagram of the cell: ${values.join(", ")}`;
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
    light(284, 216, now.candidate, "candidate", signOf(now.candidate)),
    light(374, 216, now.output, "output gate"),
  );
}

function wire(path, value) {
  return drawing("path.wire", { d: path, "stroke-opacity": (0.25 + 0.75 * sizeOf(value)).toFixed(2) });
}

function joint(x, y, sign) {
  return drawing("g", drawing("circle.joint", { cx: x, cy: y, r: 13 }), written("joint-sign", x, y + 5, sign));
}

/** A disc filled up to its value, with the value inside and the name below. */
function light(x, y, value, name, kind = "is-gate") {
  const disc = { cx: x, cy: y, r: RADIUS };
  const dashes = `${(sizeOf(value) * AROUND).toFixed(1)} ${AROUND.toFixed(1)}`;
  return drawing(
    `g.light.${kind}`,
    drawing("circle.light-ground", disc),
    drawing("circle.light-glow", { ...disc, ...glow(value) }),
    drawing("circle.light-ring", { ...disc, "stroke-dasharray": dashes, transform: `rotate(-90 ${x} ${y})` }),
    written("light-value", x, y + 5, fixed(value, 2)),
    written("light-name", x, y + RADIUS + 19, name),
  );
}

function valueBox(x, y, value, name) {
  const box = { x: x - 40, y: y - 20, width: 80, height: 40, rx: 10 };
  return drawing(
    `g.light.${signOf(value)}`,
    drawing("rect.light-ground", box),
    drawing("rect.light-glow", { ...box, ...glow(value) }),
    written("light-value", x, y + 5, fixed(value, 2)),
    written("light-name", x, y - 28, name),
  );
}

function written(kind, x, y, text) {
  return drawing(`text.${kind}`, { x, y, "text-anchor": "middle" }, text);
}

function sizeOf(value) {
  return Math.min(1, Math.abs(value));
}

function signOf(value) {
  return value < 0 ? "is-negative" : "is-positive";
}

function glow(value) {
  return { "fill-opacity": (0.5 * sizeOf(value)).toFixed(3) };
}

/** Return the sums that the drawing shows, without those that a cell with another program does not do. */
function lstmSums(now, before) {
  const show = (value) => fixed(value, 2);
  const signed = (value) => (value < 0 ? `(${show(value)})` : show(value));
  const kept = `${show(now.forget)} · ${signed(before.cell)} + ${show(now.input)} · ${signed(now.candidate)}`;
  const sums = [
    ["value", kept, now.forget * before.cell + now.input * now.candidate, now.cell],
    ["output", `${show(now.output)} · tanh ${signed(now.cell)}`, now.output * Math.tanh(now.cell), now.hidden],
  ];
  const right = sums.filter(([, , sum, value]) => Math.abs(sum - value) < TOLERANCE);
  return right.map(([name, sum, , value]) =>
    element("p.sum", element("span.sum-name", name), `${sum} = ${show(value)}`),
  );
}

function gateList(now) {
  return facts("figures", Object.fromEntries(gatesOf(now).map(({ key, name }) => [name, fixed(now[key], 3)])));
}
