// Elements made by code. All text becomes text nodes, so nothing from a vocabulary is ever read as markup.

import { counted } from "../model/numbers.js";
import { fitting } from "../model/parameters.js";

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** Return an HTML element: `element("p.note", { onclick: f }, "text", child)`. The attributes may be left out.
 *
 * @template {string} T
 * @param {T} name the kind of the element, and its classes
 * @returns {ElementOf<T>}
 */
export function element(name, ...parts) {
  const [kind, ...classes] = name.split(".");
  return dressed(document.createElement(kind), classes, parts);
}

/** Return an SVG element. @returns {SVGElement} */
export function drawing(name, ...parts) {
  const [kind, ...classes] = name.split(".");
  return dressed(document.createElementNS(SVG_NAMESPACE, kind), classes, parts);
}

function dressed(made, classes, parts) {
  const hasAttributes = parts[0]?.constructor === Object;
  for (const [key, value] of Object.entries(hasAttributes ? parts[0] : {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.startsWith("--"))
      made.style.setProperty(key, value); // the policy forbids a style attribute
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.classList.add(...classes.filter(Boolean));
  return fill(made, hasAttributes ? parts.slice(1) : parts);
}

/** Replace the children of an element. */
export function fill(parent, ...children) {
  const found = children.flat(Number.POSITIVE_INFINITY);
  parent.replaceChildren(...found.filter((child) => ![null, undefined, false].includes(child)));
  return parent;
}

let lastId = 0;

/** Return an id that no other element of the page has. */
export function freshId(name) {
  lastId += 1;
  return `${name}-${lastId}`;
}

/** Return a button. */
export function button(label, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, label);
}

/** Return a section with a heading. */
export function card(title, ...content) {
  return element("section.card.stack", element("h2", title), content);
}

/** Return a text as nodes; what is between backticks becomes elements. */
export function marked(text, name) {
  return text.split("`").map((part, index) => (index % 2 ? element(name, part) : part));
}

/** Return terms with their values. */
export function facts(kind, values) {
  const rows = Object.entries(values).map(([name, value]) => element("div", element("dt", name), element("dd", value)));
  return element(`dl.${kind}`, rows);
}

/** Return a line of small text. */
export function hint(...text) {
  return element("p.hint", ...text);
}

/** Return a text area for a text of the model's language. */
export function textArea(rows, maxlength, placeholder = "") {
  return element("textarea", { rows, maxlength, placeholder, spellcheck: "false", dir: "auto" });
}

/** Return a field for a line of such text. */
export function textLine(maxlength) {
  const plain = { autocomplete: "off", autocapitalize: "off", spellcheck: "false", dir: "auto" };
  return element("input", { type: "text", maxlength, ...plain });
}

/** Return a label above its control. */
export function labelled(label, control, note = "") {
  control.id ||= freshId("control");
  const parts = [element("label", { for: control.id }, label), control];
  if (note) {
    parts.push(element("p.hint", { id: `${control.id}-hint` }, note));
    control.setAttribute("aria-describedby", `${control.id}-hint`);
  }
  if (control.maxLength > 0) parts.push(cutNote(control));
  return element("div.field", parts);
}

/** Return a note that appears if a control keeps only the beginning of a text that is put into it. */
export function cutNote(input) {
  const note = element("p.hint", { role: "status" });
  input.addEventListener("beforeinput", ({ data, dataTransfer }) => {
    const added = data ?? dataTransfer?.getData("text/plain") ?? "";
    const length = input.value.length - (input.selectionEnd - input.selectionStart) + added.length;
    note.textContent =
      length > input.maxLength ? `Only the first ${counted(input.maxLength)} characters were kept.` : "";
  });
  return note;
}

/** Put a text into a field as typing does: what is too long is cut, and `cutNote` says so. */
export function enter(input, text) {
  input.dispatchEvent(new InputEvent("beforeinput", { data: text }));
  input.value = fitting(text, input.maxLength);
  input.dispatchEvent(new InputEvent("input"));
}

/** Return a region that a screen reader reads aloud when its text changes. */
export function liveRegion() {
  return element("div.unseen", { role: "status", "aria-live": "polite" });
}
