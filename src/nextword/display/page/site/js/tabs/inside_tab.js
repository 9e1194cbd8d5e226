// The tab Inside: the network at work on a text.

import { beginningOf } from "../model/example.js";
import { latestOnly } from "../model/latest.js";
import { percent } from "../model/numbers.js";
import { Reading } from "../model/reading.js";
import { CellDiagram } from "../parts/cell_diagram.js";
import { CellPicker } from "../parts/cell_picker.js";
import { card, element, fill, hint, labelled, liveRegion, textArea } from "../parts/dom.js";
import { exampleButton } from "../parts/example.js";
import { GateChart } from "../parts/gate_chart.js";
import { InfluenceStrip } from "../parts/influence_strip.js";
import { drawBars, shownWord } from "../parts/probability_bars.js";
import { slider } from "../parts/slider.js";

const MAX_TOKENS_DRAWN = 120; // tokens
const MAX_EXAMPLE = 160; // characters
const [READING_PAUSE, INFLUENCE_PAUSE] = [150, 60]; // milliseconds

const NOTES = {
  chart: "Each column is a word. Click one, or move the slider.",
  picker: "Each row is a cell, each square its value after a word: blue above zero, orange below.",
};

/** @implements {Tab} */
export class InsideTab {
  static tab = {
    id: "inside",
    label: "Inside",
    says: "Watch the network read: its gates, its memory, and the words that count.",
  };

  engine;
  reading; // of the text in the field
  index; // of the current word

  /** @param {Model} model @param {Description} description */
  constructor(model, description, problems) {
    this.model = model;
    this.problems = problems;
    this.input = textArea(2, 1000);
    this.input.value = exampleOf(description.passage ?? "");
    this.message = element("p.hint", { role: "status" });
    this.picker = new CellPicker(this.drawCell);
    this.chart = new GateChart(this.moveTo);
    this.diagram = new CellDiagram();
    this.askInfluence = latestOnly(INFLUENCE_PAUSE, this.influence, this.showInfluence, problems.show);
    this.strip = new InfluenceStrip(this.moveTo);
    const wordAt = (index) => this.reading?.words[index] ?? "";
    this.scrub = slider({ label: "After the word", min: 0, max: 0, step: 1, value: 0, format: wordAt });
    this.target = element("p");
    this.predicted = element("ol", { "aria-label": "Next words predicted here" });
    this.spoken = liveRegion();
    this.askReading = latestOnly(READING_PAUSE, this.read, (isNew) => isNew && this.draw(), this.fail);
    this.input.addEventListener("input", () => this.again());
    this.scrub.input.addEventListener("input", () => this.moveTo(this.scrub.value()));
    const example = exampleButton(model, description, problems, (text) => {
      this.input.value = exampleOf(text);
      this.again();
    });
    this.views = this.viewsOfText();
    const own = element("div.stack", labelled("Your text", this.input), element("div.actions", example, this.message));
    this.node = element("div.stack.wide-gap", own, this.views, this.spoken);
  }

  viewsOfText() {
    const { strip, scrub, chart, diagram, picker, target, predicted } = this;
    const choice = card("Choose a cell", hint(NOTES.picker), picker.node);
    choice.classList.add("more");
    const influence = card("Which words count", target, strip.node);
    return element(
      "div.stack.wide-gap.answer",
      { hidden: true },
      element("div.scrubber", scrub.node),
      element("div.split.even", { "data-part": "words" }, influence, card("What it predicts here", predicted)),
      element("div", { "data-part": "unit" }, card("One cell over time", hint(NOTES.chart), chart.node)),
      element("div.split.even", { "data-part": "unit" }, card("The cell after this word", diagram.node), choice),
    );
  }

  /** Called when the tab is shown: the engine is opened then, not before. */
  activate() {
    if (this.reading) return;
    this.message.textContent = "Opening the model in your browser …";
    this.askReading();
  }

  /** Choose the cell that is drawn. */
  chooseUnit(unit) {
    this.picker.begin(unit);
  }

  again() {
    if (this.reading) this.message.textContent = "Reading …";
    this.node.classList.add("is-waiting");
    this.askReading();
  }

  read = async () => {
    this.engine ??= await this.model.engine();
    this.reading ??= new Reading(this.engine);
    return this.reading.read(this.input.value, MAX_TOKENS_DRAWN);
  };

  fail = (error) => {
    this.message.textContent = "";
    this.views.hidden = true;
    this.problems.show(error, () => this.again());
  };

  draw() {
    const { length } = this.reading;
    this.problems.clear();
    this.node.classList.remove("is-waiting");
    this.views.hidden = length === 0;
    const full = length === MAX_TOKENS_DRAWN ? `Only the first ${MAX_TOKENS_DRAWN} tokens are drawn.` : "";
    this.message.textContent = length ? full : "Write some words to see the network read them.";
    if (!length) return;
    this.scrub.input.max = String(length - 1);
    this.picker.show(this.reading);
    const isAtEnd = this.index === undefined || this.index === this.last; // then it follows the end of the text
    this.last = length - 1;
    this.index = isAtEnd ? this.last : Math.min(this.index, this.last);
    this.drawCell();
  }

  drawCell = () => {
    this.chart.show(this.reading, this.picker.layer, this.picker.cell);
    this.moveTo(this.index);
  };

  /** Show the network after a word. */
  moveTo = (index) => {
    const { reading } = this;
    const { layer, cell } = this.picker;
    const [best] = reading.steps[index].predicted;
    this.index = index;
    this.scrub.input.value = String(index);
    this.scrub.show();
    this.chart.moveTo(index);
    this.diagram.show(reading.valuesAt(index, layer, cell), reading.valuesAt(index - 1, layer, cell));
    drawBars(this.predicted, reading.steps[index].predicted, { scale: 1 });
    const word = element("strong.target", shownWord(best.text));
    fill(this.target, "For the prediction ", word, ` (${percent(best.probability)}).`);
    this.strip.show(reading.words, index);
    this.askInfluence();
  };

  influence = () => {
    const { reading, index } = this;
    const { ids } = reading;
    const target = reading.steps[index]?.predicted[0].id; // none if the text was cleared meanwhile
    const isWanted = () => this.index === index && reading.ids === ids;
    return target === undefined ? [] : reading.differencesWithout(index, target, isWanted);
  };

  showInfluence = (values) => {
    if (!this.reading.length) return;
    const top = this.strip.shade(values);
    const [best] = this.reading.steps[this.index].predicted;
    this.spoken.textContent = `Predicted: ${best.text}, ${percent(best.probability)}. It depends most on ${top.join(", ")}.`;
  };
}

function exampleOf(text) {
  return beginningOf(text.replace(/\s+/g, " "), MAX_EXAMPLE);
}
