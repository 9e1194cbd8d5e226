// The page with the model inside: the entry of `nextword export --html`.

import { startPage } from "./app.js";
import { LocalModel } from "./model/local_model.js";
import { embeddedModel } from "./model/packed_model.js";

async function openModel() {
  const model = new LocalModel(await embeddedModel());
  Object.assign(globalThis, { nextword: { model } }); // for the console of the browser
  return model;
}

startPage(openModel());
