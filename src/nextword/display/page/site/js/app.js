// The page: head, tabs and foot around a model. The model may be the service or the engine inside this file.

import { CardTab } from "./card_tab.js";
import { element, fill } from "./dom.js";
import { InsideTab } from "./inside_tab.js";
import { Problems } from "./problems.js";
import { ReadTab } from "./read_tab.js";
import { Tabs } from "./tabs.js";
import { themeControl } from "./theme.js";
import { TypeTab } from "./type_tab.js";
import { WriteTab } from "./write_tab.js";

const TABS = [
  { id: "type", label: "Type", Content: TypeTab, says: "Suggestions after every key, and your own words." },
  { id: "read", label: "Read", Content: ReadTab, says: "How surprising is each word of a text? Can you guess better than the model?" },
  { id: "write", label: "Write", Content: WriteTab, says: "The model writes, word by word." },
  { id: "inside", label: "Inside", Content: InsideTab, says: "Watch the network read: its gates, its memory, and the words that count." },
  { id: "model", label: "Model", Content: CardTab, says: null },
];

/** Build the page into `#page`.
 *
 * @param model a Model, or a promise of one
 */
export async function startPage(model) {
  const page = document.getElementById("page");
  const problems = new Problems();
  const name = element("p", { class: "model-name" });
  const main = element("main", {}, element("p", { class: "loading", role: "status" }, "Loading the model …"));
  const head = element("header", { class: "head" }, element("div", {}, element("h1", {}, "nextword"), name), themeControl());
  fill(page, head, problems.node, main, problems.dialog);
  const open = async () => {
    try {
      const ready = await model;
      showModel(ready, await ready.describe(), { name, main, problems });
      problems.clear();
    } catch (error) {
      fill(main);
      problems.show(error, open);
    }
  };
  await open();
}

function showModel(model, description, { name, main, problems }) {
  document.title = `${description.name} · nextword`;
  fill(name, element("strong", {}, description.name), ` ${description.summary}`);
  const contents = [];
  const tabs = TABS.map(({ id, label, Content, says }) => ({
    id,
    label,
    open: (panel) => {
      const content = new Content(model, description, problems);
      contents.push(content);
      fill(panel, says ? element("p", { class: "says" }, says) : null, content.node);
      return content;
    },
  }));
  const group = new Tabs("What to do with the model", tabs);
  fill(main, group.list, group.panels, element("footer", { class: "foot" }, privacyNote(model)));
  window.addEventListener("nextword-key", () => contents.forEach((content) => content.again?.()));
  group.chooseByAddress();
}

function privacyNote(model) {
  return model.kind === "local"
    ? "The model is in this page. What you type never leaves it."
    : "What you type goes to the server of this page and nowhere else. This browser keeps the words that you let it learn.";
}
