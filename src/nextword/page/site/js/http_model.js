// The Model interface over the routes of `nextword serve`.

import { eventsOf } from "./event_stream.js";
import { remember, remembered } from "./memory.js";
import { isAbort, statusError } from "./model_error.js";
import { codeUnits } from "./text_offsets.js";

const KEPT_WORDS = "own-words";
const MOST_KEPT_WORDS = 200;
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
    if (!complete) return (await this.asked("v1/suggest", { text, k, complete: false })).suggestions;
    const mine = (this.typing ?? Promise.resolve()).catch(() => {}).then(() => this.typed({ text, k }));
    this.typing = mine; // one request of a session at a time: its answers depend on the order
    return (await mine).suggestions;
  }

  async bigrams({ text, k }) {
    return (await this.asked("v1/suggest", { text, k, complete: false, bigram: true })).suggestions;
  }

  async finish(text) {
    const mine = (this.typing ?? Promise.resolve()).catch(() => {}).then(() => this.typed({ text, k: 1, finish: true }));
    this.typing = mine;
    await mine;
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

  async score(text) {
    const answer = await this.asked("v1/score", { text, alternatives: 5 });
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
    const question = { model: name, prompt, max_tokens: maxTokens, temperature, top_p: topP, stream: true };
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

  async asked(path, question) {
    return (await this.fetched(path, question)).json();
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
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

async function refusalOf(response) {
  const { error } = await response.json().catch(() => ({}));
  return statusError(response.status, error);
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
