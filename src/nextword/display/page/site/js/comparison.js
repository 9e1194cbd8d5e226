// A passage of a text with what a model predicted, and its errors by group: the entry of `nextword compare --output`.

import { counted, fixed, percent } from "./model/numbers.js";
import { element, facts, fill, hint } from "./parts/dom.js";
import { bar } from "./parts/probability_bars.js";
import { ScoredText } from "./parts/scored_text.js";
import { surprisalLegend } from "./parts/surprisal.js";
import { themeControl } from "./parts/theme.js";
import { WordDetails } from "./parts/word_details.js";

const HOW = "each predicted from all tokens before it. Point at a token, tap it, or use the arrow keys.";
const GROUPS = "Whole split. Accuracy: how often the top prediction is correct. Surprisal: mean in bits.";
const COLUMNS = { tokens: "count", accuracy: "accuracy", "surprisal, bits": "surprisal" };

/** @type {Comparison} */
const data = JSON.parse(document.getElementById("data")?.textContent ?? "");
document.title = `${data.model} on ${data.corpus}: predicted and actual text`;
const foot = element("footer.foot", `Protocol: ${data.protocol}.`);
fill(document.getElementById("page"), head(), reading(), errors(), foot);

function head() {
  const names = Object.entries({ "Model ": data.model, ", text ": data.corpus, ", split ": data.split });
  const subject = names.map(([label, name]) => [label, element("strong", name)]);
  const title = element("div", element("h1", "Predicted and actual text"), element("p.model-name", subject));
  return [element("header.head", title, themeControl()), facts("card.figures", data.figures)];
}

function reading() {
  const details = new WordDetails();
  const scored = new ScoredText({ label: "The text, word by word", onShow: details.show });
  const { text, tokens } = passage();
  scored.show(text, tokens);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && details.reset());
  const [count, first] = [counted(tokens.length), counted(data.first)];
  const note = hint(`${count} tokens of the split, from token ${first} (counted from 0), ${HOW}`);
  const legend = surprisalLegend("Underlined", ": the top prediction is correct.");
  const title = element("h2", `The text, ${data.unit} by ${data.unit}`);
  return element("main.split.compared", element("div.stack", title, note, legend, scored.node), details.node);
}

/** Return the text of the passage, and its tokens as a model scores them. */
function passage() {
  let text = "";
  const tokens = data.tokens.map(([word, rank, bits, spaces, top]) => {
    const isEnd = word === data.end;
    const logProb = bits === null ? Number.NEGATIVE_INFINITY : -bits * Math.LN2;
    text += spaces & 1 ? " " : "";
    const start = text.length;
    text += isEnd ? "" : data.words[word];
    const end = text.length;
    text += `${spaces & 2 ? " " : ""}${isEnd ? "\n" : ""}`;
    const actual = rank > top.length ? [[word, Math.exp(logProb)]] : [];
    const alternatives = [...top, ...actual].map(([other, probability], index) => {
      return { text: data.words[other], probability, isActual: index === Math.min(rank - 1, top.length) };
    });
    return { text: data.words[word], start, end, logProb, rank, alternatives, isUnknown: rank === 0 };
  });
  return { text, tokens };
}

function errors() {
  const tables = data.groups.map(({ title, label, rows }) => {
    const heads = Object.entries({ [label]: "name", ...COLUMNS });
    const cells = heads.map(([name, kind]) => element(`th.${kind}`, { scope: "col" }, name));
    const highest = Math.max(1, ...rows.map((row) => row.bits_per_token ?? 0));
    const body = rows.map((row) => rowOf(row, highest));
    const head = element("thead", element("tr", cells));
    return element("table", element("caption", title), head, element("tbody", body));
  });
  const region = { tabindex: 0, role: "region", "aria-label": "Table" };
  const cards = tables.map((table) => element("div.card.table-scroller", region, table));
  return element("section.stack", element("h2", "Errors by group"), hint(GROUPS), element("div.pair", cards));
}

function rowOf({ label, num_tokens: count, accuracy, bits_per_token: bits }, highest) {
  const cells = [element("th", { scope: "row" }, label.replace("-", "–")), element("td.count", counted(count))];
  const meter = (text, share) => element("td", element("div.meter", element("span", text), bar(share)));
  if (!count) return element("tr", cells, element("td", "–"), element("td", "–"));
  const surprisal = bits ?? Number.POSITIVE_INFINITY;
  return element("tr", cells, meter(percent(accuracy), accuracy), meter(fixed(surprisal, 1), surprisal / highest));
}
