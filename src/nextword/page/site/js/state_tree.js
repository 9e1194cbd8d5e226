// Predictions after texts with common beginnings, so that an edit reads only what is new.

const MOST_NODES = 4096;
const MOST_PREDICTIONS = 64;

export class StateTree {
  constructor(engine) {
    this.engine = engine;
    this.#clear();
  }

  /** Returns the prediction after token ids: `{logProbs, state}`. */
  predict(ids) {
    const node = this.#node(ids);
    node.logProbs ??= this.engine.predict(node.state);
    this.predicted.delete(node);
    this.predicted.add(node);
    if (this.predicted.size > MOST_PREDICTIONS) {
      const [oldest] = this.predicted;
      oldest.logProbs = null;
      this.predicted.delete(oldest);
    }
    return node;
  }

  /** Returns the state after token ids. */
  state(ids) {
    return this.#node(ids).state;
  }

  #node(ids) {
    if (this.numNodes + ids.length > MOST_NODES) {
      this.#clear();
    }
    let node = this.root;
    for (const id of ids) {
      if (!node.children.has(id)) {
        node.children.set(id, newNode(this.engine.read(id, node.state)));
        this.numNodes += 1;
      }
      node = node.children.get(id);
    }
    return node;
  }

  #clear() {
    this.root = newNode(this.engine.read(this.engine.endId, this.engine.start()));
    this.predicted = new Set();
    this.numNodes = 1;
  }
}

function newNode(state) {
  return { state, logProbs: null, children: new Map() };
}
