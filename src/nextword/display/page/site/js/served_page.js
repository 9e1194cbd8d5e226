// The page of `nextword serve`.

import { startPage } from "./app.js";
import { HttpModel } from "./model/http_model.js";
import { remembered } from "./model/memory.js";

async function openPacked(bytes) {
  const [{ engineOf }, { unpackModel }, { Tokenizer }] = await Promise.all([
    import("./model/mixture.js"),
    import("./model/packed_model.js"),
    import("./model/tokenizer.js"),
  ]);
  const packed = unpackModel(new Uint8Array(bytes));
  return engineOf(packed, new Tokenizer(packed.tokenizer));
}

startPage(Promise.resolve(new HttpModel({ key: () => remembered("key", "session"), openEngine: openPacked })));
