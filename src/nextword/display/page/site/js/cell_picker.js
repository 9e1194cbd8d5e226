// The choice of a cell: by layer and number, or from the most active or most changing ones.

import { drawing, element, fill, labelled } from "./dom.js";
import { fixed } from "./numbers.js";
import { roving } from "./roving.js";

const NUM_ROWS = 10;
const SQUARE = 8;

export class CellPicker {
  /** @param onChoose function called after the choice changed */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.layerSelect = element("select", {});
    this.numberInput = element("input", { type: "number", min: 0, value: 0, step: 1 });
    this.orderSelect = element("select", {}, element("option", { value: "changing" }, "most different"), element("option", { value: "active" }, "most active"));
    this.rows = element("div", { class: "cell-rows", role: "radiogroup", "aria-label": "Cells" });
    this.isUntouched = true;
    roving(this.rows, "[role=radio]");
    this.layerSelect.addEventListener("change", () => this.reorder());
    this.orderSelect.addEventListener("change", () => this.reorder());
    this.numberInput.addEventListener("change", () => this.choose(Number(this.numberInput.value)));
    this.node = element(
      "div",
      { class: "stack" },
      element("div", { class: "row" }, labelled("Layer", this.layerSelect), labelled("Cell", this.numberInput), labelled("Order", this.orderSelect)),
      this.rows,
    );
  }

  get layer() {
    return Number(this.layerSelect.value || 0);
  }

  get cell() {
    return Number(this.numberInput.value);
  }

  show(reading) {
    this.reading = reading;
    if (this.layerSelect.options.length !== reading.numLayers) {
      const options = Array.from({ length: reading.numLayers }, (_, layer) => element("option", { value: layer }, `${layer + 1} (${reading.sizeOf(layer)} cells)`));
      fill(this.layerSelect, options);
    }
    const ranked = this.drawRows();
    if (this.isUntouched && ranked.length) this.numberInput.value = String(ranked[0]);
    this.markChosen();
  }

  reorder() {
    this.isUntouched = false;
    const [first] = this.drawRows();
    this.choose(first ?? 0);
  }

  choose(cell) {
    this.isUntouched = false;
    const most = this.reading ? this.reading.sizeOf(this.layer) - 1 : 0;
    this.numberInput.max = String(most);
    this.numberInput.value = String(Math.min(Math.max(0, Math.floor(cell) || 0), most));
    this.markChosen();
    this.onChoose();
  }

  drawRows() {
    const ranked = this.reading.length ? this.reading.ranked(this.layer, this.orderSelect.value).slice(0, NUM_ROWS) : [];
    const courses = ranked.map((cell) => this.reading.course(this.layer, this.reading.memory, cell));
    const reach = Math.max(1e-6, ...courses.flat().map(Math.abs));
    fill(this.rows, ranked.map((cell, row) => this.row(cell, courses[row], reach)));
    return ranked;
  }

  row(cell, values, reach) {
    const squares = values.map((value, place) => drawing("rect", { class: `heat ${value < 0 ? "is-negative" : "is-positive"}`, x: place * SQUARE, y: 0, width: SQUARE - 0.6, height: 14, "fill-opacity": Math.min(1, Math.abs(value) / reach).toFixed(2) }));
    const strip = drawing("svg", { viewBox: `0 0 ${values.length * SQUARE} 14`, preserveAspectRatio: "none", "aria-hidden": "true" }, squares);
    const label = `cell ${cell}, from ${fixed(Math.min(...values), 1)} to ${fixed(Math.max(...values), 1)}`;
    return element("button", { type: "button", class: "cell-row", role: "radio", "aria-label": label, "data-cell": cell, onclick: () => this.choose(cell) }, element("span", { class: "cell-name" }, String(cell)), strip);
  }

  markChosen() {
    const options = [...this.rows.children];
    const chosen = options.find((option) => Number(option.dataset.cell) === this.cell);
    options.forEach((option) => {
      option.setAttribute("aria-checked", String(option === chosen));
      option.tabIndex = option === (chosen ?? options[0]) ? 0 : -1;
    });
  }
}
