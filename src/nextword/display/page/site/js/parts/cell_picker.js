// The choice of a cell: by layer and number, or from those that change most over the text.

import { fixed } from "../model/numbers.js";
import { button, drawing, element, fill, labelled } from "./dom.js";
import { roving } from "./roving.js";

const NUM_ROWS = 10;
const [SQUARE, HEIGHT, GAP] = [8, 14, 0.6];

export class CellPicker {
  /** @param {() => void} onChoose called after the choice changed */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.layerSelect = element("select");
    this.numberInput = element("input", { type: "number", min: 0, value: 0, step: 1 });
    this.rows = element("div.cell-rows", { role: "radiogroup", "aria-label": "Cells" });
    this.isUntouched = true;
    roving(this.rows, "[role=radio]");
    this.layerSelect.addEventListener("change", () => this.choose(this.drawRows()[0] ?? 0));
    this.numberInput.addEventListener("change", () => this.choose(Number(this.numberInput.value)));
    const fields = [labelled("Layer", this.layerSelect), labelled("Cell", this.numberInput)];
    this.node = element("div.stack", element("div.row", fields), this.rows);
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
      const optionOf = (_, layer) =>
        element("option", { value: layer }, `${layer + 1} (${reading.sizeOf(layer)} cells)`);
      fill(this.layerSelect, Array.from({ length: reading.numLayers }, optionOf));
    }
    const ranked = this.drawRows();
    this.put(this.isUntouched && ranked.length ? ranked[0] : this.cell);
    this.markChosen();
  }

  choose(cell) {
    this.isUntouched = false;
    this.put(cell);
    this.markChosen();
    this.onChoose();
  }

  /** Choose a cell before there is a reading. */
  begin(cell) {
    this.isUntouched = false;
    this.numberInput.value = String(cell);
  }

  put(cell) {
    const last = this.reading ? this.reading.sizeOf(this.layer) - 1 : 0;
    this.numberInput.max = String(last);
    this.numberInput.value = String(Math.min(Math.max(0, Math.floor(cell) || 0), last));
  }

  drawRows() {
    const { reading, layer } = this;
    const ranked = reading.length ? reading.ranked(layer).slice(0, NUM_ROWS) : [];
    const courses = ranked.map((cell) => reading.course(layer, reading.memory, cell));
    const reach = Math.max(1e-6, ...courses.flat().map(Math.abs));
    const rowOf = (cell, row) => this.row(cell, courses[row], reach);
    fill(this.rows, ranked.map(rowOf));
    return ranked;
  }

  row(cell, values, reach) {
    const squares = values.map((value, index) => {
      const strength = Math.min(1, Math.abs(value) / reach).toFixed(2);
      const shape = { x: index * SQUARE, y: 0, width: SQUARE - GAP, height: HEIGHT, "fill-opacity": strength };
      return drawing(`rect.heat.${value < 0 ? "is-negative" : "is-positive"}`, shape);
    });
    const viewBox = `0 0 ${values.length * SQUARE} ${HEIGHT}`;
    const strip = drawing("svg", { viewBox, preserveAspectRatio: "none", "aria-hidden": "true" }, squares);
    const label = `cell ${cell}, from ${fixed(Math.min(...values), 1)} to ${fixed(Math.max(...values), 1)}`;
    const attributes = { class: "cell-row", role: "radio", "aria-label": label, "data-cell": cell };
    return button([element("span.cell-name", String(cell)), strip], () => this.choose(cell), attributes);
  }

  markChosen() {
    const rows = [...this.rows.querySelectorAll("button")];
    const chosen = rows.find((row) => Number(row.dataset.cell) === this.cell);
    for (const row of rows) {
      row.setAttribute("aria-checked", String(row === chosen));
      row.tabIndex = row === (chosen ?? rows[0]) ? 0 : -1;
    }
  }
}
