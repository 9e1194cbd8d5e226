// The tab Model: figures, training curve and model card.

import { card, drawing, element, facts, hint } from "../parts/dom.js";

export class CardTab {
  static tab = { id: "model", label: "Model", says: "" };

  /** @param {Model} _model @param {Description} description */
  constructor(_model, { name, summary, hash, figures, chart, card: elements }) {
    const note = "Perplexity after each round, on a logarithmic scale.";
    const glance = facts("figures", { ...figures, hash: hash.slice(0, 12) });
    const cardNodes = elements.map((part) => sentNode(part));
    this.node = element(
      "div.stack.wide-gap",
      card(`${name} at a glance`, element("p", `${summary}. It runs in this page: no server, no network.`), glance),
      chart && card("Training curve", element("div.curve", sentNode(chart, true)), hint(note)),
      element("article.card.prose", { "aria-label": "Model card" }, cardNodes),
    );
  }
}

const ATTRIBUTES = { pre: { tabindex: 0 }, th: { scope: "col" } };

/** Return an element that Python sent as a list of its name, its attributes if any, and its content. */
function sentNode(part, isDrawing = false) {
  if (!Array.isArray(part)) return part;
  const [name, ...sent] = part;
  const content = sent.map((child) => sentNode(child, isDrawing));
  const made = isDrawing ? drawing(name, ...content) : element(name, ...content);
  for (const [key, value] of Object.entries(ATTRIBUTES[name] ?? {})) made.setAttribute(key, value);
  const region = { tabindex: 0, role: "region", "aria-label": "Table" };
  return name === "table" ? element("div.table-scroller", region, made) : made;
}
