// The Model interface over the routes of `nextword serve`.

import { remember, rememberedValue } from "./memory.js";
import { isAbort, statusError } from "./model_error.js";

const KEPT_WORDS = "own-words";
const FORGOTTEN_WORDS = "forgotten-words";
const MAX_KEPT_WORDS = 200;
const MAX_CONTEXT = 4000; // characters: the service bounds the tokens of a prompt
const PARTS = /.{1,4000}(?:(?<=\s)|$)|.{1,4000}/gsu; // of a longer text, cut after spaces if it has them
const MAX_WITH_ALTERNATIVES = 16000; // characters
const NUM_ALTERNATIVES = 5;
const MAX_SENT_WORDS = 1000; // the service takes no more in a request

/** @implements {Model} */
export class HttpModel {
  /** `key` returns the API key or null, `openEngine` makes the engine in the page of the bytes of `/page/model.bin`.
   * @param {{ base?: string, key?: () => string | null, openEngine: (bytes: ArrayBuffer) => Promise<Engine> }} options
   */
  constructor({ base = document.baseURI, key = () => null, openEngine }) {
    this.kind = /** @type {const} */ ("http");
    this.base = base;
    this.key = key;
    this.openEngine = openEngine;
    /** @type {string | null} */
    this.session = "new";
    this.learned = keptWords(KEPT_WORDS);
    this.never = keptWords(FORGOTTEN_WORDS); // the words that are never suggested
    this.dropped = new Set(); // own words among them
    this.changes = new Map(); // words that the session does not know yet, with "learn" or "forget"
    this.opened = null;
    this.description = null;
    this.typing = Promise.resolve();
  }

  async describe() {
    this.description ??= await this.asked("page/describe.json");
    return this.description;
  }

  async suggest({ text, k, complete }) {
    const asked = { text: recent(text), k };
    const answer = complete ? this.inTurn(asked) : this.asked("v1/suggest", { ...asked, complete });
    return (await answer).suggestions;
  }

  async bigrams({ text, k }) {
    return (await this.asked("v1/suggest", { text: recent(text), k, complete: false, bigram: true })).suggestions;
  }

  async finish(text) {
    for (const part of text.match(PARTS) ?? []) await this.inTurn({ text: part, k: 1, finish: true });
    const words = new Set([...keptWords(KEPT_WORDS), ...this.learned]); // another tab may have kept more
    remember(KEPT_WORDS, JSON.stringify([...words].slice(-MAX_KEPT_WORDS)));
  }

  async ownWords() {
    return this.learned;
  }

  async forgottenWords() {
    return this.never;
  }

  async forget(word) {
    this.change(word, "forget");
    if (this.learned.includes(word)) this.dropped.add(word);
    this.learned = this.learned.filter((other) => other !== word);
    remember(KEPT_WORDS, JSON.stringify(keptWords(KEPT_WORDS).filter((other) => other !== word)));
  }

  async allow(word) {
    this.change(word, "learn");
    if (this.dropped.delete(word)) this.learned = [...this.learned, word];
  }

  change(word, action) {
    this.changes.set(word, action);
    const others = this.never.filter((other) => other !== word);
    this.never = action === "forget" ? [...others, word].slice(-MAX_SENT_WORDS) : others;
    remember(FORGOTTEN_WORDS, JSON.stringify(this.never));
  }

  /** @param {string} text @param {ScoringOptions} options */
  async score(text, { signal } = {}) {
    const asked = (alternatives) => this.asked("v1/score", { text, alternatives }, signal);
    const answer = await asked(text.length > MAX_WITH_ALTERNATIVES ? 0 : NUM_ALTERNATIVES).catch((error) => {
      if (error.code !== "above_bound") throw error;
      return asked(0); // without them the service reads longer texts
    });
    const units = codeUnits(text);
    const tokens = answer.tokens.map((token) => ({
      text: token.text,
      start: units[token.start],
      end: units[token.end],
      logProb: token.log_prob ?? -Infinity,
      rank: token.rank,
      alternatives: token.alternatives,
      isUnknown: token.out_of_vocabulary ?? false,
    }));
    return { tokens, logProb: answer.log_prob ?? -Infinity, perplexity: answer.perplexity ?? Infinity };
  }

  /** @param {GenerationOptions} options */
  async generate({ prompt, maxTokens, temperature, topP, seed = null, signal, onText }) {
    const { name } = await this.describe();
    const sampling = { temperature, top_p: topP, seed: seed ?? undefined };
    const question = { model: name, prompt: recent(prompt), max_tokens: maxTokens, stream: true, ...sampling };
    const response = await this.fetched("v1/completions", question, signal);
    let text = "";
    let ending = null;
    try {
      for await (const { error, choices: [choice] = [] } of eventsOf(response.body)) {
        if (error) throw statusError(500, error);
        text += choice?.text ?? "";
        if (choice?.text) onText(choice.text);
        ending = choice?.finish_reason ?? ending;
      }
    } catch (error) {
      if (isAbort(error) || error.name === "ModelError") throw error;
      throw statusError(0, { message: "The service ended the answer too early." });
    }
    return { text, ending };
  }

  async engine() {
    this.opened ??= this.fetched("page/model.bin").then(async (response) =>
      this.openEngine(await response.arrayBuffer()),
    );
    this.opened.catch(() => {
      this.opened = null; // a later call tries again
    });
    return this.opened;
  }

  /** One request of a session at a time: its answers depend on the order. */
  inTurn(asked) {
    this.latest = asked;
    const isWanted = () => asked.finish || asked === this.latest; // a later key makes the answer useless
    this.typing = this.typing.catch(() => {}).then(() => (isWanted() ? this.typed(asked) : { suggestions: [] }));
    return this.typing;
  }

  async typed(asked) {
    try {
      const told = new Map(this.session === null ? [] : this.changes); // a new session is told all of them
      const answer = await this.asked("v1/suggest", this.question(asked));
      this.session = answer.session ?? this.session;
      for (const [word, action] of told) if (this.changes.get(word) === action) this.changes.delete(word);
      this.learned = (answer.learned ?? this.learned).filter((word) => this.changes.get(word) !== "forget");
      return answer;
    } catch (error) {
      const isExpired = error.status === 404 && this.session !== "new";
      const isRefused = error.status === 400 && error.param === "session" && this.session !== null;
      if (!isExpired && !isRefused) throw error;
      this.session = isExpired ? "new" : null; // a service may keep no sessions
      return this.typed(asked);
    }
  }

  /** Return a question with what the session has to know; what is undefined is not sent. */
  question({ text, k, finish }) {
    if (this.session === null) return { text, k, complete: true };
    const isNew = this.session === "new";
    const changed = (action) => [...this.changes.keys()].filter((word) => this.changes.get(word) === action);
    const listed = (words) => (words.length ? words.slice(-MAX_SENT_WORDS) : undefined);
    const learn = listed(isNew ? this.learned : changed("learn"));
    const forget = listed(isNew ? this.never : changed("forget"));
    return { text, k, complete: true, session: this.session, finish, learn, forget };
  }

  async asked(path, question, signal) {
    return (await this.fetched(path, question, signal)).json();
  }

  async fetched(path, question, signal) {
    const headers = new Headers(question && { "Content-Type": "application/json" });
    const key = this.key();
    if (key) headers.set("Authorization", `Bearer ${key}`);
    const posted = question && { method: "POST", body: JSON.stringify(question) };
    const response = await fetch(new URL(path, this.base), { headers, signal, ...posted }).catch((error) => {
      throw isAbort(error) ? error : statusError(0);
    });
    if (!response.ok) throw statusError(response.status, (await response.json().catch(() => ({}))).error);
    return response;
  }
}

/** Yield the data of each server-sent event of a response body; stop at `[DONE]`. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (waiting + value).split("\n\n");
      waiting = events.pop() ?? "";
      for (const event of events) {
        const data = event.slice("data: ".length);
        if (data === "[DONE]") return;
        yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Return the end of a long text. Its start moves in steps, so the session reads only what is new after most keys. */
function recent(text) {
  const step = MAX_CONTEXT / 2;
  const start = (Math.ceil(text.length / step) - 2) * step;
  return text.length <= MAX_CONTEXT ? text : text.slice(start).replace(/^\S{0,64}\s|^[\uDC00-\uDFFF]/, "");
}

/** Return the UTF-16 offset of each code point of a text, and of its end. */
function codeUnits(text) {
  const units = [0];
  for (const character of text) units.push(units[units.length - 1] + character.length);
  return units;
}

/** Return words that this browser keeps, such as those of finished texts; a session of the service forgets them. */
function keptWords(name) {
  return [rememberedValue(name)].flat().filter((word) => typeof word === "string");
}
