// Tabs by the ARIA pattern: one tab stop, arrow keys choose, the address remembers the choice.

import { element } from "./dom.js";
import { roving } from "./roving.js";

export class Tabs {
  /**
   * @param label name of the group
   * @param tabs list of { id, label, open }: `open` makes the tab's content when it is first chosen
   */
  constructor(label, tabs) {
    this.tabs = tabs;
    this.list = element("div", { class: "tabs", role: "tablist", "aria-label": label }, tabs.map((tab) => this.tabButton(tab)));
    this.panels = element("div", { class: "panels" }, tabs.map(panelOf));
    roving(this.list, "[role=tab]", (button) => this.choose(button.dataset.tab));
    window.addEventListener("hashchange", () => this.chooseByAddress());
  }

  tabButton({ id, label }) {
    const attributes = { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, "data-tab": id };
    return element("button", { ...attributes, onclick: () => this.choose(id) }, label);
  }

  /** Open the tab that the address names, or the first one. */
  chooseByAddress() {
    const named = window.location.hash.slice(1);
    this.choose(this.tabs.some(({ id }) => id === named) ? named : this.tabs[0].id);
  }

  choose(chosen) {
    for (const tab of this.tabs) {
      const isChosen = tab.id === chosen;
      const button = this.list.querySelector(`#tab-${tab.id}`);
      button.setAttribute("aria-selected", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      const panel = this.panels.querySelector(`#panel-${tab.id}`);
      panel.hidden = !isChosen;
      if (!isChosen) continue;
      if (!panel.hasChildNodes()) tab.content = tab.open(panel);
      tab.content?.activate?.();
    }
    // Not by `location.hash`, which would scroll; a page on disk may refuse to change its address.
    try {
      window.history.replaceState(null, "", `#${chosen}`);
    } catch {
      return;
    }
  }
}

function panelOf({ id }) {
  return element("section", { class: "panel", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: -1, hidden: true });
}
