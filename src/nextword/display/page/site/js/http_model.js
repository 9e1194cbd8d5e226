// The Model interface over the routes of `nextword serve`.

import { eventsOf } from "./event_stream.js";
import { remember, remembered } from "./memory.js";
import { isAbort, statusError } from "./model_error.js";
import { codeUnits } from "./text_offsets.js";

const KEPT_WORDS = "own-words";
const MOST_KEPT_WORDS = 200;
const LONGEST_CONTEXT = 4000; // characters: the service bounds the tokens of a prompt
const LONGEST_WITH_ALTERNATIVES = 16000; // characters
const MOST_SENT_WORDS = 1000; // the service takes no more in a request

export class HttpModel {
  /**
   * @param base address of the service
   * @param key function that returns the API key or null
   * @param openEngine function of the bytes of `/page/model.bin`; returns the JavaScript engine
   */
  constructor({ base = document.baseURI, key = () => null, openEngine }) {
    this.kind = "http";
    this.base = base;
    this.key = key;
    this.openEngine = openEngine;
    this.session = "new";
    this.learned = keptWords();
    this.forgotten = [];
    this.opened = null;
  }

  async describe() {
    this.described ??= await (await this.fetched("page/describe.json")).json();
    return this.described;
  }

  async suggest({ text, k, complete }) {
    const read = recent(text);
    if (!complete) return (await this.asked("v1/suggest", { text: read, k, complete: false })).suggestions;
    return (await this.inTurn({ text: read, k })).suggestions;
  }

  async bigrams({ text, k }) {
    return (await this.asked("v1/suggest", { text: recent(text), k, complete: false, bigram: true })).suggestions;
  }

  async finish(text) {
    for (let start = 0; start < text.length; start += LONGEST_CONTEXT) {
      await this.inTurn({ text: text.slice(start, start + LONGEST_CONTEXT), k: 1, finish: true });
    }
    remember(KEPT_WORDS, JSON.stringify(this.learned.slice(-MOST_KEPT_WORDS)));
  }

  async ownWords() {
    return this.learned;
  }

  async forget(word) {
    this.forgotten.push(word);
    this.learned = this.learned.filter((each) => each !== word);
    remember(KEPT_WORDS, JSON.stringify(keptWords().filter((each) => each !== word)));
  }

  async score(text, { signal } = {}) {
    const asked = (alternatives) => this.asked("v1/score", { text, alternatives }, signal);
    const answer = await asked(text.length > LONGEST_WITH_ALTERNATIVES ? 0 : 5).catch((error) => {
      if (error.code !== "above_bound") throw error;
      return asked(0); // without them the service reads longer texts
    });
    const units = codeUnits(text);
    const tokens = answer.tokens.map((token) => ({
      text: token.text,
      start: units(token.start),
      end: units(token.end),
      logProb: token.log_prob ?? -Infinity,
      rank: token.rank,
      alternatives: token.alternatives,
      isUnknown: token.out_of_vocabulary ?? false,
    }));
    return { tokens, logProb: answer.log_prob ?? -Infinity, perplexity: answer.perplexity ?? Infinity };
  }

  async generate({ prompt, maxTokens, temperature, topP, seed, signal, onText }) {
    const { name } = await this.describe();
    const question = { model: name, prompt: recent(prompt), max_tokens: maxTokens, temperature, top_p: topP, stream: true };
    if (seed !== null && seed !== undefined) question.seed = seed;
    const response = await this.fetched("v1/completions", question, signal);
    let text = "";
    let ending = null;
    try {
      for await (const event of eventsOf(response.body)) {
        if (event.error) throw statusError(500, event.error);
        const choice = event.choices?.[0];
        if (choice?.text) {
          text += choice.text;
          onText(choice.text);
        }
        ending = choice?.finish_reason ?? ending;
      }
    } catch (error) {
      if (isAbort(error) || error.name === "ModelError") throw error;
      throw statusError(0, { message: "The service ended the answer too early." });
    }
    return { text, ending };
  }

  async engine() {
    this.opened ??= this.fetched("page/model.bin").then((response) => response.arrayBuffer()).then(this.openEngine);
    this.opened.catch(() => (this.opened = null)); // a later call tries again
    return this.opened;
  }

  /** One request of a session at a time: its answers depend on the order. */
  inTurn(asked) {
    this.typing = (this.typing ?? Promise.resolve()).catch(() => {}).then(() => this.typed(asked));
    return this.typing;
  }

  async typed({ text, k, finish }) {
    try {
      const question = this.question({ text, k, finish });
      const answer = await this.asked("v1/suggest", question);
      this.session = answer.session ?? this.session;
      this.forgotten = this.forgotten.slice(question.forget?.length ?? 0); // a word may be forgotten meanwhile
      this.learned = (answer.learned ?? []).filter((word) => !this.forgotten.includes(word));
      return answer;
    } catch (error) {
      const isExpired = error.status === 404 && this.session !== "new";
      const isRefused = error.status === 400 && error.param === "session" && this.session !== null;
      if (!isExpired && !isRefused) throw error;
      this.session = isExpired ? "new" : null; // a service may keep no sessions
      return this.typed({ text, k, finish });
    }
  }

  question({ text, k, finish }) {
    const question = { text, k, complete: true };
    if (this.session === null) return question;
    question.session = this.session;
    if (finish) question.finish = true;
    if (this.session === "new" && this.learned.length) question.learn = this.learned.slice(-MOST_SENT_WORDS);
    if (this.forgotten.length) question.forget = [...this.forgotten];
    return question;
  }

  async asked(path, question, signal) {
    return (await this.fetched(path, question, signal)).json();
  }

  async fetched(path, question, signal) {
    const headers = {};
    const key = this.key();
    if (key) headers.Authorization = `Bearer ${key}`;
    const options = { headers, signal };
    if (question) {
      headers["Content-Type"] = "application/json";
      Object.assign(options, { method: "POST", body: JSON.stringify(question) });
    }
    let response;
    try {
      response = await fetch(new URL(path, this.base), options);
    } catch (error) {
      throw isAbort(error) ? error : statusError(0);
    }
    if (!response.ok) throw statusError(response.status, (await response.json().catch(() => ({}))).error);
    return response;
  }
}

/** Return the end of a long text. Its start moves in steps, so the session reads only what is new after most keys. */
function recent(text) {
  const step = LONGEST_CONTEXT / 2;
  return text.length <= LONGEST_CONTEXT ? text : text.slice((Math.ceil(text.length / step) - 2) * step).replace(/^\S*\s/, "");
}

/** Return the words of finished texts that this browser keeps; a session of the service forgets them. */
function keptWords() {
  try {
    const words = JSON.parse(remembered(KEPT_WORDS) ?? "[]");
    return Array.isArray(words) ? words.filter((word) => typeof word === "string") : [];
  } catch {
    return [];
  }
}
