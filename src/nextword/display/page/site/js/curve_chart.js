// The training curve: perplexity by round, on a logarithmic scale.

import { drawing, element } from "./dom.js";
import { fixed } from "./numbers.js";

const WIDEST_CURVE = 640;
const CURVE_HEIGHT = 260;
const CURVE_MARGIN = { left: 48, right: 92, top: 14, bottom: 34 };
const KINDS = ["train", "valid"];

/** Return the chart of a curve: list of { round, train, valid }. */
export function curveChart(curve) {
  const known = KINDS.filter((key) => curve.some((point) => Number.isFinite(point[key])));
  const width = Math.min(WIDEST_CURVE, window.innerWidth - 60); // on a phone its text is as large as the text around it
  const values = curve.flatMap((point) => known.map((key) => point[key])).filter((value) => Number.isFinite(value) && value > 0);
  const [low, high] = [Math.log(Math.min(...values)) - 0.05, Math.log(Math.max(...values)) + 0.05];
  const last = Math.max(...curve.map((point) => point.round));
  const x = (round) => CURVE_MARGIN.left + ((round - 1) / Math.max(1, last - 1)) * (width - CURVE_MARGIN.left - CURVE_MARGIN.right);
  const y = (value) => CURVE_MARGIN.top + ((high - Math.log(value)) / (high - low)) * (CURVE_HEIGHT - CURVE_MARGIN.top - CURVE_MARGIN.bottom);
  const measured = curve.filter((point) => Number.isFinite(point.valid));
  const best = measured.length ? measured.reduce((least, point) => (point.valid < least.valid ? point : least)) : null;
  const lowest = best ? `; lowest valid perplexity ${fixed(best.valid, 1)} in round ${best.round}` : "";
  const label = `Training curve over ${last} rounds${lowest}`;
  const marks = ticks(Math.exp(low), Math.exp(high)).map((value) => tick(value, y(value), width));
  const lines = known.map((key) => line(key, curve, x, y));
  const ends = [axisText(CURVE_MARGIN.left, CURVE_HEIGHT - 10, "round 1", "start"), axisText(x(last), CURVE_HEIGHT - 10, String(last), "middle")];
  return element("div", { class: "curve" }, drawing("svg", { viewBox: `0 0 ${width} ${CURVE_HEIGHT}`, role: "img", "aria-label": label }, marks, lines, ends));
}

function line(key, curve, x, y) {
  const points = curve.filter((point) => Number.isFinite(point[key]) && point[key] > 0);
  const path = points.map((point, index) => `${index ? "L" : "M"} ${x(point.round).toFixed(1)} ${y(point[key]).toFixed(1)}`).join(" ");
  const end = points.at(-1);
  const shift = key === "train" ? 12 : -4;
  return drawing("g", { class: `curve-${key}` }, drawing("path", { class: "curve-line", d: path }), drawing("text", { class: "curve-name", x: x(end.round) + 8, y: y(end[key]) + shift }, `${key} ${fixed(end[key], 0)}`));
}

function tick(value, y, width) {
  return drawing("g", {}, drawing("line", { class: "chart-edge", x1: CURVE_MARGIN.left, x2: width - CURVE_MARGIN.right, y1: y, y2: y }), axisText(CURVE_MARGIN.left - 8, y + 4, value.toLocaleString("en-US"), "end"));
}

function axisText(x, y, text, anchor) {
  return drawing("text", { class: "chart-axis", x, y, "text-anchor": anchor }, text);
}

function ticks(low, high) {
  const all = [1, 2, 3, 5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10000, 20000, 50000];
  return all.filter((value) => value >= low && value <= high);
}
