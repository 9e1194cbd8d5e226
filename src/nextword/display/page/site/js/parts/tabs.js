// Tabs by the ARIA pattern: one tab stop, arrow keys choose, the address remembers the choice.

import { button, element, fill } from "./dom.js";
import { roving } from "./roving.js";

export class Tabs {
  /**
   * @param {string} label name of the group
   * @param {{ id: string, label: string, says: string, make: () => Tab }[]} tabs `make` is called when a tab is first chosen
   */
  constructor(label, tabs) {
    this.contents = new Map();
    this.tabs = tabs.map((tab) => {
      const attributes = { role: "tab", id: `tab-${tab.id}`, "aria-controls": `panel-${tab.id}`, "data-tab": tab.id };
      return { ...tab, button: button(tab.label, () => this.choose(tab.id), attributes), panel: panelOf(tab) };
    });
    const [buttons, panels] = [this.tabs.map((tab) => tab.button), this.tabs.map((tab) => tab.panel)];
    this.list = element("div.tabs", { role: "tablist", "aria-label": label }, buttons);
    this.panels = element("div.panels", panels);
    roving(this.list, "[role=tab]", (chosen) => this.choose(chosen.dataset.tab));
    window.addEventListener("hashchange", () => this.chooseByAddress());
  }

  /** The content of the open tab. @returns {Tab} */
  get content() {
    return this.contents.get(this.tabs.find(({ panel }) => !panel.hidden)?.id);
  }

  /** Open the tab that the address names, or the first one. */
  chooseByAddress() {
    const named = window.location.hash.slice(1);
    this.choose(this.tabs.some(({ id }) => id === named) ? named : this.tabs[0].id);
  }

  open({ id, says, panel, make }) {
    const content = this.contents.get(id) ?? make();
    this.contents.set(id, content);
    if (!panel.hasChildNodes()) fill(panel, says && element("p.says", says), content.node);
    content.activate?.();
  }

  choose(chosen) {
    for (const tab of this.tabs) {
      const isChosen = tab.id === chosen;
      tab.button.setAttribute("aria-selected", String(isChosen));
      tab.button.tabIndex = isChosen ? 0 : -1;
      tab.panel.hidden = !isChosen;
      if (isChosen) this.open(tab);
    }
    try {
      window.history.replaceState(null, "", `#${chosen}`); // not by `location.hash`, which would scroll
    } catch {
      // A page on disk may not be allowed to change its address.
    }
  }
}

function panelOf({ id }) {
  const facts = { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: -1, hidden: true };
  return element("section.panel", facts);
}
