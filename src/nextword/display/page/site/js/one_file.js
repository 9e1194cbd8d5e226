// The page with the model inside: the entry of `nextword export --html`.

import { startPage } from "./app.js";
import { LocalModel } from "./local_model.js";
import { embeddedModel } from "./packed_model.js";

async function openModel() {
  const model = new LocalModel(await embeddedModel());
  globalThis.nextword = { model }; // for the console of the browser
  return model;
}

startPage(openModel());
