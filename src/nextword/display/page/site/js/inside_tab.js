// The tab Inside: the network at work on a text.

import { CellDiagram } from "./cell_diagram.js";
import { CellPicker } from "./cell_picker.js";
import { element, fill, labelled, liveRegion } from "./dom.js";
import { beginningOf, exampleButton } from "./example.js";
import { GateChart } from "./gate_chart.js";
import { InfluenceStrip } from "./influence_strip.js";
import { latestOnly } from "./latest.js";
import { differencesWithout } from "./left_out.js";
import { fixed, percent } from "./numbers.js";
import { drawBars, shownWord } from "./probability_bars.js";
import { Reading } from "./reading.js";
import { slider } from "./slider.js";

const MOST_TOKENS_DRAWN = 120; // tokens
const MOST_TOKENS_OF_PASSAGE = 300; // tokens
const LONGEST_EXAMPLE = 160; // characters
const READING_PAUSE = 150; // milliseconds
const NUM_NEAREST = 6;
const NUM_AROUND = 4; // words of context

export class InsideTab {
  constructor(model, description, problems) {
    this.model = model;
    this.problems = problems;
    this.passage = description.passage;
    this.input = element("textarea", { rows: 2, maxlength: 1000, spellcheck: "false", dir: "auto" }, exampleOf(this.passage ?? ""));
    this.message = element("p", { class: "hint", role: "status" });
    this.picker = new CellPicker(() => this.drawCell());
    this.chart = new GateChart((place) => this.moveTo(place));
    this.diagram = new CellDiagram();
    this.strip = new InfluenceStrip((place) => this.moveTo(place), () => this.askInfluence());
    this.scrub = slider({ label: "After the word", min: 0, max: 0, step: 1, value: 0, digits: 0, format: (place) => this.reading?.words[place] ?? "" });
    this.target = element("p", {});
    this.predicted = element("ol", { "aria-label": "Next words predicted here" });
    this.nearest = element("ol", { class: "nearest" });
    this.spoken = liveRegion();
    this.askInfluence = latestOnly(60, () => this.influence(), (values) => this.showInfluence(values), (error) => problems.show(error));
    this.askReading = latestOnly(READING_PAUSE, () => this.read(), (isNew) => isNew && this.draw(), (error) => this.fail(error));
    this.input.addEventListener("input", () => this.again());
    this.scrub.input.addEventListener("input", () => this.moveTo(this.scrub.value()));
    this.node = this.layout(description);
  }

  layout(description) {
    const card = (title, note, ...content) => element("section", { class: "card stack" }, element("h2", {}, title), note ? element("p", { class: "hint" }, note) : null, content);
    const example = exampleButton(this.model, description, this.problems, (text) => {
      this.input.value = exampleOf(text);
      this.again();
    });
    this.views = element(
      "div",
      { class: "stack wide-gap answer", hidden: true },
      element("div", { class: "scrubber" }, this.scrub.node),
      element(
        "div",
        { class: "split even" },
        card("Which words count", null, this.target, this.strip.node),
        card("What it predicts here", null, this.predicted),
      ),
      card("One cell over time", "Each column is a word. Click one, or move the slider.", this.chart.node),
      element(
        "div",
        { class: "split even" },
        card("The cell after this word", null, this.diagram.node),
        card("Choose a cell", "Each row is a cell, each square its value after a word: blue above zero, orange below.", this.picker.node),
      ),
      card("Similar states", "Words after which the network was most like here, by the cosine of its outputs.", this.nearest),
    );
    return element("div", { class: "stack wide-gap" }, element("div", { class: "stack" }, labelled("Your text", this.input), element("div", { class: "actions" }, example, this.message)), this.views, this.spoken);
  }

  /** Called when the tab is shown: the engine is opened then, not before. */
  async activate() {
    if (this.reading) return;
    this.message.textContent = "Opening the model in your browser …";
    this.askReading();
  }

  again() {
    if (this.reading) this.message.textContent = "Reading …";
    this.node.classList.add("is-waiting");
    this.askReading();
  }

  async read() {
    this.engine ??= await this.model.engine();
    this.reading ??= new Reading(this.engine);
    return this.reading.read(this.input.value, MOST_TOKENS_DRAWN);
  }

  fail(error) {
    this.message.textContent = "";
    this.views.hidden = true;
    this.problems.show(error, () => this.again());
  }

  draw() {
    const { reading } = this;
    this.problems.clear();
    this.node.classList.remove("is-waiting");
    this.views.hidden = reading.length === 0;
    this.message.textContent = reading.length === 0 ? "Write some words to see the network read them." : reading.length === MOST_TOKENS_DRAWN ? `Only the first ${MOST_TOKENS_DRAWN} tokens are drawn.` : "";
    if (reading.length === 0) return;
    this.scrub.input.max = String(reading.length - 1);
    this.picker.show(reading);
    const last = reading.length - 1;
    const isAtEnd = this.place === undefined || this.place === this.last; // then it follows the end of the text
    this.place = isAtEnd ? last : Math.min(this.place, last);
    this.last = last;
    this.drawCell();
  }

  drawCell() {
    this.chart.show(this.reading, this.picker.layer, this.picker.cell);
    this.moveTo(this.place);
  }

  moveTo(place) {
    const { reading } = this;
    const { layer, cell } = this.picker;
    this.place = place;
    this.scrub.input.value = String(place);
    this.scrub.show();
    this.chart.moveTo(place);
    this.diagram.show(reading.valuesAt(place, layer, cell), reading.valuesAt(place - 1, layer, cell));
    drawBars(this.predicted, reading.steps[place].predicted, { scale: 1 });
    const [best] = reading.steps[place].predicted;
    fill(this.target, "For the prediction ", element("strong", { class: "target" }, shownWord(best.text)), ` (${percent(best.probability)}).`);
    this.strip.show(reading.words, place);
    this.askInfluence();
    this.showNearest();
  }

  influence() {
    const { ids, steps } = this.reading;
    const { place } = this;
    const [{ id: target }] = steps[place].predicted;
    if (this.strip.method === "gradient") return this.engine.influence(ids, place + 1, { target });
    const { reading } = this;
    const isWanted = () => this.place === place && this.reading.ids === ids && this.strip.method !== "gradient";
    return differencesWithout(reading, place, target, isWanted);
  }

  showInfluence(values) {
    const top = this.strip.shade([...values]);
    const [best] = this.reading.steps[this.place].predicted;
    this.spoken.textContent = `Predicted: ${best.text}, ${percent(best.probability)}. It depends most on ${top.join(", ")}.`;
  }

  async showNearest() {
    const { place } = this;
    this.others ??= this.readPassage();
    const passage = await this.others;
    if (place !== this.place || place >= this.reading.length) return;
    const sources = [this.reading, passage].filter(Boolean);
    const all = sources.flatMap((reading) => reading.steps.map((step, at) => ({ reading, at, state: step.state })));
    const seen = new Set([phraseAt(this.reading, place)]); // the text may be a part of the passage
    const rest = all.filter(({ reading, at }) => !seen.has(phraseAt(reading, at)) && seen.add(phraseAt(reading, at)));
    const found = this.engine.nearest(this.reading.steps[place].state, rest.map(({ state }) => state), NUM_NEAREST);
    fill(this.nearest, found.map(({ place: index, cosine: similarity }) => nearRow(rest[index], similarity)));
  }

  async readPassage() {
    if (!this.passage) return null;
    const reading = new Reading(this.engine);
    await reading.read(this.passage, MOST_TOKENS_OF_PASSAGE);
    return reading;
  }
}

function phraseAt({ words }, at) {
  return words.slice(Math.max(0, at - NUM_AROUND), at + 1).join(" ");
}

function nearRow({ reading, at }, similarity) {
  const { words } = reading;
  const before = words.slice(Math.max(0, at - NUM_AROUND), at).join(" ");
  const after = words.slice(at + 1, at + 3).join(" ");
  return element(
    "li",
    {},
    element("span", { class: "near-text" }, `${at > NUM_AROUND ? "… " : ""}${before} `, element("strong", {}, words[at]), element("span", { class: "quiet" }, ` ${after}`)),
    element("span", { class: "near-value" }, fixed(similarity, 2)),
  );
}

const exampleOf = (text) => beginningOf(text.replace(/\s+/g, " "), LONGEST_EXAMPLE);
