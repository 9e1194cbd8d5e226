// What the modules of the page give each other. The functions inside a module have types that TypeScript infers.

interface Word {
  text: string;
  probability: number;
  /** Of an alternative: whether the text has it, if that is not told by `text`. */
  isActual?: boolean;
}

/** A token of a scored text; `start` and `end` are offsets in UTF-16 units, equal for the end of a line. */
interface ScoredToken {
  text: string;
  start: number;
  end: number;
  logProb: number;
  /** 1 for the most probable token; null for an unknown word. */
  rank: number | null;
  alternatives: Word[];
  isUnknown: boolean;
}

interface Score {
  tokens: ScoredToken[];
  logProb: number;
  perplexity: number;
}

/** An element that Python sent: a text, or the name of an element, its attributes if any, and its content. */
type SentNode = string | [string, ...(SentNode | Record<string, string>)[]];

/** The model as the page shows it. */
interface Description {
  name: string;
  hash: string;
  summary: string;
  unit: string;
  card: SentNode[];
  figures: Record<string, string>;
  chart: SentNode | null;
  passage: string | null;
}

interface Asked {
  text: string;
  k: number;
}

interface ScoringOptions {
  signal?: AbortSignal;
  /** Gets the tokens so far and the number of all. */
  onProgress?: (tokens: ScoredToken[], count: number) => void;
}

interface GenerationOptions {
  prompt: string;
  maxTokens: number;
  temperature: number;
  topP: number;
  seed?: number | null;
  signal?: AbortSignal;
  onText: (piece: string) => void;
  /** Gives numbers of at least 0 and below 1, in place of those of the seed. */
  random?: () => number;
}

type Model = import("../../src/nextword/display/page/site/js/model/local_model.js").LocalModel;
type Engine = import("../../src/nextword/display/page/site/js/model/engine.js").Engine;
type Reading = import("../../src/nextword/display/page/site/js/model/reading.js").Reading;
type Matrix = import("../../src/nextword/display/page/site/js/model/arithmetic.js").Matrix;

interface PackedTokenizer {
  kind: string;
  line_ends: "line" | "paragraph";
  vocabulary: string[];
  word_characters: number[];
}

/** A model as it is packed; `docs/one-file.md` describes the format. */
interface PackedModel extends Description {
  architecture: Record<string, any>;
  tokenizer: PackedTokenizer;
  spelling: { log_unknown: number; followers: Record<string, [string, number[], number]> };
  weights: Record<string, Matrix | Float32Array>;
  mixture: Record<string, any> | null;
}

/** A tab of the page. */
interface Tab {
  node: HTMLElement;
  /** The field that the address of the page may fill. */
  input?: HTMLTextAreaElement;
  /** Chooses the cell that is drawn. */
  chooseUnit?(unit: number): void;
  /** Called when the tab is shown. */
  activate?(): void;
}

/** The element of `element("p.note")`. */
type ElementOf<Name extends string> = Name extends `${infer Kind}.${string}`
  ? ElementOf<Kind>
  : Name extends keyof HTMLElementTagNameMap
    ? HTMLElementTagNameMap[Name]
    : HTMLElement;
