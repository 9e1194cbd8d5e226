// Predictions after texts with common beginnings, so that an edit reads only what is new.

const MAX_OTHER_NODES = 4096; // besides those of the longest text
const MAX_PREDICTIONS = 64;
const STRIDE = 8; // tokens between two looks at the clock
const MAX_TURN = 12; // milliseconds without a pause

export class StateTree {
  constructor(engine) {
    this.engine = engine;
    this.root = newNode(engine.read(engine.endId, engine.start()));
    this.predicted = new Set();
    this.numNodes = 1;
    this.longest = 0;
  }

  /** Reads token ids with pauses; `predict` and `path` then find them read. */
  async read(ids) {
    const pause = pauses();
    for (let end = this.#known(ids).length - 1 + STRIDE; end < ids.length; end += STRIDE) {
      this.path(ids.slice(0, end));
      await pause();
    }
  }

  /** Returns the prediction after token ids: `{logProbs, state}`. */
  predict(ids) {
    const [node] = this.path(ids).slice(-1);
    const logProbs = node.logProbs ?? this.engine.predict(node.state);
    node.logProbs = logProbs;
    this.predicted.delete(node);
    this.predicted.add(node);
    if (this.predicted.size > MAX_PREDICTIONS) {
      const [oldest] = this.predicted;
      oldest.logProbs = null;
      this.predicted.delete(oldest);
    }
    return { logProbs, state: node.state };
  }

  /** Returns `{state}` before token ids and after each. */
  path(ids) {
    const path = this.#known(ids);
    const unread = ids.slice(path.length - 1);
    this.longest = Math.max(this.longest, ids.length);
    if (unread.length && this.numNodes + unread.length > this.longest + MAX_OTHER_NODES) this.#keepOnly(path, ids);
    for (const id of unread) {
      const [last] = path.slice(-1);
      const node = newNode(this.engine.read(id, last.state));
      last.children.set(id, node);
      path.push(node);
    }
    this.numNodes += unread.length;
    return path;
  }

  #known(ids) {
    const path = [this.root];
    for (let node = this.root.children.get(ids[0]); node; node = node.children.get(ids[path.length - 1]))
      path.push(node);
    return path;
  }

  /** Forgets all texts but one. */
  #keepOnly(path, ids) {
    path.forEach((node, index) => {
      node.children = new Map(index + 1 < path.length ? [[ids[index], path[index + 1]]] : []);
    });
    const kept = new Set(path);
    this.predicted = new Set([...this.predicted].filter((node) => kept.has(node)));
    this.numNodes = path.length;
    this.longest = ids.length;
  }
}

function newNode(state) {
  return { state, logProbs: /** @type {Float32Array | null} */ (null), children: new Map() };
}

/** Returns a function that gives the page time for other work, if its last pause is long ago. */
export function pauses() {
  let started = performance.now();
  return async () => {
    if (performance.now() - started <= MAX_TURN) return;
    await new Promise((resolve) => setTimeout(resolve));
    started = performance.now();
  };
}
