"use strict";
// `element` sets all text from the model as textContent, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const BIT_BOUNDS = [1, 2, 4, 6, 8, 10, 13];
  const END_MARK = data.paragraphs ? "¶" : "↵";
  const byId = (id) => document.getElementById(id);

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function append(parent, ...children) {
    parent.append(...children);
    return parent;
  }

  // ---- numbers ----

  const fixed = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const count = (value) => value.toLocaleString("en-US");
  const decimal = (value, digits) => (value === null ? "∞" : fixed(digits).format(value));

  function share(value) {
    const percent = 100 * value;
    if (percent === 0) return "0%";
    if (percent < 0.001) return "< 0.001%";
    const digits = percent >= 1 ? 1 : percent >= 0.1 ? 2 : 3;
    return `${fixed(digits).format(percent)}%`;
  }

  const shade = (bits) => (bits === null ? 7 : BIT_BOUNDS.filter((bound) => bits >= bound).length);

  // ---- the tokens ----

  const tokens = data.tokens.map(([word, rank, bits, spaces, top]) => ({
    text: word === data.end ? END_MARK : data.words[word],
    isEnd: word === data.end,
    rank,
    bits,
    probability: bits === null ? 0 : 2 ** -bits,
    spaceBefore: (spaces & 1) !== 0,
    spaceAfter: (spaces & 2) !== 0,
    top: top.map(([id, probability]) => ({ text: id === data.end ? `${END_MARK} <eos>` : data.words[id], probability })),
  }));

  function bar(value) {
    const outer = element("span", "bar");
    const inner = element("i");
    inner.style.setProperty("--share", `${100 * Math.min(1, Math.max(0, value))}%`);
    return append(outer, inner);
  }

  // ---- head and foot ----

  function drawHead() {
    const { model, corpus, split } = data.heading;
    document.title = `${model} on ${corpus}: predicted and actual text`;
    const subject = byId("subject");
    append(subject, "Model ", element("b", "", model), ", text ", element("b", "", corpus));
    append(subject, ", split ", element("b", "", split));
    const figures = data.figures;
    if (figures.num_out_of_vocabulary) addFigure("bits per character", decimal(figures.bits_per_character, 2));
    addFigure("perplexity", decimal(figures.perplexity, 1));
    addFigure("accuracy", share(figures.accuracy));
    addFigure("in the top five", share(figures.top_five_accuracy));
    addFigure("bits per token", decimal(figures.bits_per_token, 2));
    addFigure("tokens", count(figures.num_tokens));
    if (figures.num_out_of_vocabulary !== null) addFigure("out of vocabulary", count(figures.num_out_of_vocabulary));
    byId("protocol").textContent = `Protocol: ${figures.protocol}.`;
    document.querySelectorAll(".unit").forEach((unit) => (unit.textContent = data.unit));
    byId("text-note").textContent =
      `${count(tokens.length)} tokens of the split, from token ${count(data.first_position)} (counted from 0), each ` +
      "predicted from all tokens before it. Point at a token, tap it, or use the arrow keys.";
  }

  function addFigure(name, value) {
    append(byId("figures"), append(element("div"), element("dt", "", name), element("dd", "", value)));
  }

  function drawLegend() {
    [0, ...BIT_BOUNDS].forEach((bits, index) => {
      const label = index === BIT_BOUNDS.length ? `${bits}+` : String(bits);
      const item = append(element("li"), element("i", `s${index}`), element("b", "", label));
      append(byId("legend"), append(item, element("span", "", shortShare(2 ** -bits))));
    });
  }

  const shortShare = (value) => `${Number((100 * value).toPrecision(1 + (value > 0.1)))}%`;

  // ---- the text ----

  const spans = [];

  function drawText() {
    const text = byId("text");
    text.classList.toggle("paragraphs", data.paragraphs);
    let line = append(text, newLine()).lastChild;
    tokens.forEach((token, index) => {
      const isGlued = line.lastChild === spans[index - 1] && index > 0 && !token.spaceBefore;
      if (token.spaceBefore) line.append(" ");
      line.append(wordOf(token, index));
      if (isGlued) {
        spans[index - 1].classList.add("glued-after");
        spans[index].classList.add("glued-before");
      }
      if (token.text === "␣") line.append(element("wbr"));
      if (token.spaceAfter) line.append(" ");
      if (token.isEnd) line = append(text, newLine()).lastChild;
    });
    if (!line.hasChildNodes()) line.remove();
  }

  function newLine() {
    const line = element("p");
    line.dir = "auto";
    return line;
  }

  function wordOf(token, index) {
    const kind = (token.rank === 1 ? " hit" : "") + (token.isEnd ? " end" : "");
    const span = element("span", `word s${shade(token.bits)}${kind}`, token.text);
    if (token.isEnd) span.setAttribute("aria-label", "end of line");
    span.setAttribute("role", "button");
    span.tabIndex = index === 0 ? 0 : -1;
    span.dataset.index = String(index);
    spans.push(span);
    return span;
  }

  // ---- the card ----

  let active = 0; // the word on the card
  let stop = 0; // the only word that the tab key reaches

  function show(index, open) {
    spans[active].classList.remove("active");
    spans[active].removeAttribute("aria-describedby");
    active = index;
    spans[active].classList.add("active");
    spans[active].setAttribute("aria-describedby", "card-body");
    byId("card-body").replaceChildren(...cardOf(tokens[index]));
    if (open) byId("card").classList.add("open");
  }

  const close = () => byId("card").classList.remove("open");

  function cardOf(token) {
    const title = append(element("h3"), element("bdi", "", token.isEnd ? `${END_MARK} <eos>` : token.text));
    title.append(element("span", `chip s${shade(token.bits)}`));
    const verdict = token.rank === 0 ? "not in the vocabulary" : token.rank === 1 ? "predicted correctly" : `top prediction: “${token.top[0].text}”`;
    return [
      title,
      element("p", "verdict", verdict),
      factsOf(token),
      element("h4", "", "Predictions"),
      barsOf(token),
    ];
  }

  function factsOf(token) {
    const facts = element("dl", "facts");
    const values = { surprisal: `${decimal(token.bits, 1)} bits`, rank: token.rank ? count(token.rank) : "–", probability: share(token.probability) };
    for (const [name, value] of Object.entries(values)) {
      append(facts, append(element("div"), element("dt", "", name), element("dd", "", value)));
    }
    return facts;
  }

  function barsOf(token) {
    const bars = element("ol", "bars");
    token.top.forEach((guess, index) => append(bars, barOf(guess, token.rank === index + 1)));
    if (token.rank > token.top.length) {
      const actual = barOf(token, true);
      actual.classList.add("beyond");
      append(bars, actual);
    }
    return bars;
  }

  function barOf({ text, probability }, isActual) {
    const row = append(element("li", isActual ? "is-actual" : ""), element("bdi", "", text), bar(probability));
    row.title = text;
    if (isActual) append(row.firstChild, element("span", "unseen", ", actual word"));
    return append(row, element("span", "share", share(probability)));
  }

  // ---- moving ----

  function indexOf(event) {
    const word = event.target.closest ? event.target.closest(".word") : null;
    return word ? Number(word.dataset.index) : null;
  }

  function focusOn(index) {
    spans[stop].tabIndex = -1;
    stop = index;
    spans[stop].tabIndex = 0;
    show(index, true);
    spans[index].focus();
  }

  const middleOf = (box) => (box.left + box.right) / 2;

  // Return the nearest word in the row above (`step` -1) or below (`step` 1).
  function vertically(index, step) {
    const from = spans[index].getClientRects()[0];
    let row = null;
    let best = { index, distance: Infinity };
    for (let next = index + step; next >= 0 && next < spans.length; next += step) {
      const box = spans[next].getClientRects()[0];
      if (Math.abs(box.top - from.top) < from.height / 2) continue;
      row ??= box.top;
      if (Math.abs(box.top - row) > from.height / 2) break;
      const distance = Math.abs(middleOf(box) - middleOf(from));
      if (distance < best.distance) best = { index: next, distance };
    }
    return best.index;
  }

  const MOVES = {
    ArrowRight: (index) => Math.min(index + 1, spans.length - 1),
    ArrowLeft: (index) => Math.max(index - 1, 0),
    ArrowDown: (index) => vertically(index, 1),
    ArrowUp: (index) => vertically(index, -1),
    Home: () => 0,
    End: () => spans.length - 1,
    Enter: (index) => index,
    " ": (index) => index,
  };

  function listen() {
    const text = byId("text");
    text.addEventListener("pointerover", (event) => {
      const index = indexOf(event);
      if (index !== null && event.pointerType === "mouse") show(index, false);
    });
    text.addEventListener("click", (event) => indexOf(event) !== null && focusOn(indexOf(event)));
    text.addEventListener("focusin", (event) => indexOf(event) !== null && show(indexOf(event), true));
    text.addEventListener("keydown", (event) => {
      const move = MOVES[event.key];
      if (!move || indexOf(event) === null || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      focusOn(move(indexOf(event)));
    });
    document.addEventListener("keydown", (event) => event.key === "Escape" && close());
    byId("card-close").addEventListener("click", () => {
      spans[active].focus(); // opens the card
      close();
    });
  }

  // ---- the tables ----

  function drawTables() {
    append(byId("tables"), tableOf("By rank in the training vocabulary", "rank", data.figures.by_frequency));
    append(byId("tables"), tableOf("By position since the last <eos>", "position", data.figures.by_position));
  }

  function tableOf(title, label, groups) {
    const table = append(element("table"), element("caption", "", title));
    const head = element("tr");
    for (const [name, kind] of [[label, ""], ["tokens", "count"], ["accuracy", "accuracy"], ["surprisal, bits", "surprisal"]]) {
      const cell = element("th", kind, name);
      cell.scope = "col";
      append(head, cell);
    }
    const most = Math.max(1, ...groups.map((group) => group.bits_per_token ?? 0));
    const body = append(element("tbody"), ...groups.map((group) => rowOf(group, most)));
    return append(element("div"), append(table, append(element("thead"), head), body));
  }

  function rowOf(group, most) {
    const name = element("th", "", group.label.replace("-", "–"));
    name.scope = "row";
    const row = append(element("tr"), name, element("td", "count", count(group.num_tokens)));
    if (group.num_tokens === 0) return append(row, element("td", "", "–"), element("td", "", "–"));
    const bits = group.bits_per_token;
    append(row, meterOf("accuracy", share(group.accuracy), group.accuracy));
    return append(row, meterOf("surprisal", decimal(bits, 1), bits === null ? 1 : bits / most));
  }

  function meterOf(kind, text, value) {
    return append(element("td", kind), append(element("div", "meter"), element("span", "", text), bar(value)));
  }

  drawHead();
  drawLegend();
  drawText();
  drawTables();
  listen();
  show(0, false);
})();
