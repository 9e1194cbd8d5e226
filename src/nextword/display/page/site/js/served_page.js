// The page of `nextword serve`.

import { startPage } from "./app.js";
import { HttpModel } from "./http_model.js";
import { remembered } from "./memory.js";

async function openPacked(bytes) {
  const files = [import("./engine.js"), import("./packed_model.js"), import("./tokenizer.js")];
  const [{ Engine }, { unpackModel }, { Tokenizer }] = await Promise.all(files);
  const packed = unpackModel(new Uint8Array(bytes));
  return new Engine(packed, new Tokenizer(packed.tokenizer));
}

startPage(new HttpModel({ key: () => remembered("key", "session"), openEngine: openPacked }));
