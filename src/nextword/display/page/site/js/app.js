// The page: head, tabs and foot around the model inside this file.

import { parametersOf } from "./model/parameters.js";
import { element, enter, fill } from "./parts/dom.js";
import { Problems } from "./parts/problems.js";
import { Tabs } from "./parts/tabs.js";
import { themeControl } from "./parts/theme.js";
import { CardTab } from "./tabs/card_tab.js";
import { InsideTab } from "./tabs/inside_tab.js";
import { ReadTab } from "./tabs/read_tab.js";
import { TypeTab } from "./tabs/type_tab.js";
import { WriteTab } from "./tabs/write_tab.js";

const TABS = [TypeTab, ReadTab, WriteTab, InsideTab, CardTab];

const PRIVACY = "The model is in this page. What you type never leaves it.";

/** Build the page into `#page`. @param {Promise<Model>} opened */
export async function startPage(opened) {
  const problems = new Problems();
  const asked = parametersOf(window.location.search);
  const name = element("p.model-name");
  const main = element("main", element("p.loading", { role: "status" }, "Loading the model …"));
  const head = element("header.head", element("div", element("h1", "nextword"), name), themeControl(asked.scheme));
  document.documentElement.toggleAttribute("data-bare", asked.isBare);
  if (asked.view) document.documentElement.dataset.show = asked.view;
  fill(document.getElementById("page"), head, problems.node, main);
  const open = async () => {
    try {
      const model = await opened;
      showModel(model, await model.describe(), { name, main, problems, asked });
      problems.clear();
    } catch (error) {
      fill(main);
      problems.show(error, open);
    }
  };
  await open();
}

function showModel(model, description, { name, main, problems, asked }) {
  document.title = `${description.name} · nextword`;
  fill(name, element("strong", description.name), ` ${description.summary}`);
  const makers = TABS.map((Tab) => ({ ...Tab.tab, make: () => new Tab(model, description, problems) }));
  const tabs = new Tabs("What to do with the model", makers);
  fill(main, tabs.list, tabs.panels, element("footer.foot", PRIVACY));
  tabs.chooseByAddress();
  begin(tabs.content, asked);
}

/** Let a tab begin with what the address asks for. @param {Tab} tab @param {ReturnType<typeof parametersOf>} asked */
function begin(tab, { text, unit, isBare }) {
  if (unit !== null) tab.chooseUnit?.(unit);
  if (text === null || !tab.input) return;
  if (isBare && tab instanceof TypeTab) tab.input.focus({ preventScroll: true }); // the reader has asked for the frame
  enter(tab.input, text);
}
