// The sample model live in a page: a button on its picture loads it in place. Nothing is loaded before.

const schemeOf = () => (document.body.dataset.mdColorScheme === "slate" ? "dark" : "light");

for (const figure of document.querySelectorAll("figure.live")) {
  const start = document.createElement("button");
  start.type = "button";
  start.className = "live-start";
  start.textContent = figure.querySelector("a").dataset.task;
  start.addEventListener("click", () => run(figure, start.textContent));
  figure.querySelector(".live-stage").append(start);
}

function run(figure, title) {
  const address = new URL(figure.querySelector("a").href);
  address.searchParams.set("scheme", schemeOf());
  address.searchParams.set("bare", "");
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.style.height = `${figure.querySelector("img").height}px`;
  frame.addEventListener("load", () => frame.contentDocument && follow(frame, frame.contentDocument)); // null on a disk
  frame.src = address.href;
  figure.querySelector(".live-stage").replaceChildren(frame);
}

/** Keep the frame as high as its page, and in the scheme of the site. */
function follow(frame, { body, documentElement }) {
  const fit = () => {
    frame.style.height = `${Math.ceil(body.getBoundingClientRect().height) + 2}px`;
  };
  new ResizeObserver(fit).observe(body);
  const recolor = () => {
    documentElement.dataset.theme = schemeOf();
  };
  new MutationObserver(recolor).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  frame.contentWindow.focus();
}
