// The Model interface over the routes of `nextword serve`.

import { eventsOf } from "./event_stream.js";
import { isAbort, statusError } from "./model_error.js";
import { codeUnits } from "./text_offsets.js";

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
    this.learned = [];
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
  }

  async ownWords() {
    return this.learned;
  }

  async forget(word) {
    this.forgotten.push(word);
    this.learned = this.learned.filter((each) => each !== word);
  }

  async score(text) {
    const answer = await this.asked("v1/score", { text, alternatives: 5 });
    const units = codeUnits(text);
    const tokens = answer.tokens.map(({ text: shown, start, end, log_prob: logProb, rank, alternatives }) => {
      return { text: shown, start: units(start), end: units(end), logProb: logProb ?? -Infinity, rank, alternatives };
    });
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
        if (event.error) throw statusError(event.error.status ?? 500, event.error.message);
        const choice = event.choices?.[0];
        if (choice?.text) {
          text += choice.text;
          onText(choice.text);
        }
        ending = choice?.finish_reason ?? ending;
      }
    } catch (error) {
      if (isAbort(error) || error.name === "ModelError") throw error;
      throw statusError(0, "The service ended the answer too early.");
    }
    return { text, ending };
  }

  async engine() {
    this.opened ??= this.fetched("page/model.bin").then((response) => response.arrayBuffer()).then(this.openEngine);
    this.opened.catch(() => (this.opened = null)); // a later call tries again
    return this.opened;
  }

  async typed({ text, k, finish }) {
    const question = { text, k, complete: true, session: this.session };
    if (finish) question.finish = true;
    if (this.forgotten.length) question.forget = this.forgotten;
    try {
      const answer = await this.asked("v1/suggest", question);
      this.session = answer.session ?? this.session;
      this.learned = answer.learned ?? [];
      this.forgotten = [];
      return answer;
    } catch (error) {
      if (error.status !== 404 || this.session === "new") throw error;
      this.session = "new"; // the old one expired
      return this.typed({ text, k, finish });
    }
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
    if (!response.ok) throw statusError(response.status, await messageOf(response));
    return response;
  }
}

async function messageOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return null;
  }
}
