// Runs functions on the modules of the page: a JSON line with a request in, a JSON line with the result out.
// The page has no server, window or document here; what a test draws belongs into a browser.

import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const modules = {};
for (const name of readdirSync(`${folder}/model`)) {
  modules[name.replace(".js", "")] = await import(pathToFileURL(`${folder}/model/${name}`));
}

const open = (bytes) => {
  const packed = modules.packed_model.unpackModel(bytes);
  return modules.mixture.engineOf(packed, new modules.tokenizer.Tokenizer(packed.tokenizer));
};

async function answer({ body, argument, models }) {
  const kept = new Map();
  const localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });
  const bytes = Object.entries(models).map(([name, text]) => [name, new Uint8Array(Buffer.from(text, "base64"))]);
  // biome-ignore lint/security/noGlobalEval: the functions are those of the tests
  return globalThis.eval(`(${body})`)(argument, Object.fromEntries(bytes), { ...modules, open });
}

for await (const line of createInterface({ input: process.stdin })) {
  const made = await answer(JSON.parse(line)).then(
    (result) => ({ result: result ?? null }),
    (error) => ({ error: String(error.stack) }),
  );
  process.stdout.write(`${JSON.stringify(made)}\n`);
}
