// The tab Model: figures, training curve and model card.

import { curveChart } from "./curve_chart.js";
import { element } from "./dom.js";
import { fact } from "./word_details.js";

const ATTRIBUTES = { pre: { tabindex: 0 }, th: { scope: "col" } };

export class CardTab {
  constructor(model, description) {
    const { name, summary, hash, figures, curve, card } = description;
    const facts = [...Object.entries(figures ?? {}), ["hash", hash.slice(0, 12)]];
    const place = model.kind === "local" ? "It runs in this page: no server, no network." : "It runs on the server that this page comes from.";
    const isDrawn = curve?.some(({ train, valid }) => Number.isFinite(train) || Number.isFinite(valid));
    const drawn = isDrawn ? element("section", { class: "card" }, element("h2", {}, "Training curve"), curveChart(curve), element("p", { class: "hint" }, "Perplexity after each round, on a logarithmic scale.")) : null;
    this.node = element(
      "div",
      { class: "stack wide-gap" },
      element("section", { class: "card" }, element("h2", {}, `${name} at a glance`), element("p", {}, `${summary}. ${place}`), element("dl", { class: "figures" }, facts.map(([label, value]) => fact(label, String(value))))),
      drawn,
      element("article", { class: "card prose", "aria-label": "Model card" }, card.map(cardNode)),
    );
  }
}

function cardNode(part) {
  if (typeof part === "string") return part;
  const [name, ...content] = part;
  const made = element(name, ATTRIBUTES[name], content.map(cardNode));
  return name === "table" ? element("div", { class: "table-scroller", tabindex: 0, role: "region", "aria-label": "Table" }, made) : made;
}
