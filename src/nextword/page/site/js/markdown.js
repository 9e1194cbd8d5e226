// A model card's Markdown as elements: headings, paragraphs, lists, tables, code. All text becomes text nodes; HTML in
// the Markdown is shown as it is written, and links become text with their address.

import { element } from "./dom.js";

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|\*(.+?)\*|\[([^\]]*)\]\(([^)\s]*)\)|\\([\\`*_{}[\]()#+.!<>|~-])/gs;

/** Return the elements of a Markdown text. Headings begin at the level `top`. */
export function markdownElements(source, top = 2) {
  const lines = source.replaceAll("\r\n", "\n").split("\n");
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = blockAt(lines, at, top);
    if (block) made.push(block);
    at = next;
  }
  return made;
}

function blockAt(lines, at, top) {
  const line = lines[at];
  if (line.trim() === "") return [null, at + 1];
  if (/^\s*(```|~~~)/.test(line)) return codeAt(lines, at);
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return [element(`h${Math.min(6, heading[1].length + top - 1)}`, {}, inlineNodes(heading[2])), at + 1];
  if (line.includes("|") && /^\s*\|?\s*:?-{3,}/.test(lines[at + 1] ?? "")) return tableAt(lines, at);
  if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) return listAt(lines, at);
  return paragraphAt(lines, at);
}

function codeAt(lines, at) {
  const fence = lines[at].trim().slice(0, 3);
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  return [element("pre", { tabindex: 0 }, element("code", {}, lines.slice(at + 1, end).join("\n"))), end + 1];
}

function tableAt(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const head = element("thead", {}, element("tr", {}, cellsOf(lines[at]).map((cell) => element("th", { scope: "col" }, inlineNodes(cell)))));
  const rows = lines.slice(at + 2, end).map((line) => element("tr", {}, cellsOf(line).map((cell) => element("td", {}, inlineNodes(cell)))));
  return [element("div", { class: "table-scroller", tabindex: 0, role: "region", "aria-label": "Table" }, element("table", {}, head, element("tbody", {}, rows))), end];
}

function cellsOf(line) {
  const cells = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim());
}

function listAt(lines, at) {
  const isOrdered = /^\s*\d/.test(lines[at]);
  const items = [];
  let end = at;
  for (; end < lines.length && lines[end].trim() !== ""; end += 1) {
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(lines[end]);
    if (item) items.push(item[1]);
    else items[items.length - 1] += ` ${lines[end].trim()}`;
  }
  return [element(isOrdered ? "ol" : "ul", { class: "prose-list" }, items.map((item) => element("li", {}, inlineNodes(item)))), end];
}

function paragraphAt(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !/^(#{1,6}\s|\s*(```|~~~)|\s*[-*+]\s)/.test(lines[end])) end += 1;
  return [element("p", {}, inlineNodes(lines.slice(at, end).join(" "))), end];
}

/** Return the nodes of a line of Markdown. */
export function inlineNodes(text) {
  const nodes = [];
  let place = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > place) nodes.push(text.slice(place, match.index));
    nodes.push(inlineNode(match));
    place = match.index + match[0].length;
  }
  return [...nodes, text.slice(place)];
}

function inlineNode([, , code, strong, emphasis, label, address, escaped]) {
  if (code !== undefined) return element("code", {}, code);
  if (strong !== undefined) return element("strong", {}, inlineNodes(strong));
  if (emphasis !== undefined) return element("em", {}, inlineNodes(emphasis));
  if (label !== undefined) return label === address ? label : `${label} (${address})`;
  return escaped;
}
