// Elements made by code. All text becomes text nodes, so nothing from a vocabulary is ever read as markup.

import { counted } from "./numbers.js";

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** Return an HTML element: `element("p", { class: "note", onclick: f }, "text", child)`. */
export function element(name, attributes = {}, ...children) {
  return dressed(document.createElement(name), attributes, children);
}

/** Return an SVG element. */
export function drawing(name, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG_NAMESPACE, name), attributes, children);
}

function dressed(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) made.style.setProperty(key, value); // the policy forbids a style attribute
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Replace the children of an element. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
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

/** Return a label above its control. */
export function labelled(label, control, hint) {
  control.id ||= freshId("control");
  const parts = [element("label", { for: control.id }, label), control];
  if (hint) {
    const note = element("p", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", note.id);
    parts.push(note);
  }
  if (control.maxLength > 0) parts.push(cutNote(control));
  return element("div", { class: "field" }, parts);
}

/** Return a note that appears if a control keeps only the beginning of a text that is put into it. */
export function cutNote(input) {
  const note = element("p", { class: "hint", role: "status" });
  input.addEventListener("beforeinput", ({ data, dataTransfer }) => {
    const added = data ?? dataTransfer?.getData("text/plain") ?? "";
    const length = input.value.length - (input.selectionEnd - input.selectionStart) + added.length;
    note.textContent = length > input.maxLength ? `Only the first ${counted(input.maxLength)} characters were kept.` : "";
  });
  return note;
}

/** Return a region that a screen reader reads aloud when its text changes. */
export function liveRegion() {
  return element("div", { class: "unseen", role: "status", "aria-live": "polite" });
}
