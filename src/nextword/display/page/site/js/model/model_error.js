// What goes wrong between the page and the model, in words with what to do.

const ADVICE = {
  0: "Check that nextword serve still runs, then try again.",
  400: "Change the text or the settings.",
  401: "Enter an API key of this service.",
  403: "Open the page by a host name that the service allows.",
  404: "Reload the page: the service may have been updated.",
  413: "Use a shorter text.",
  421: "Open the page by a host name that the service allows.",
  429: "The service is busy. Wait some seconds, then try again.",
  500: "Try again; if it fails again, read the log of the service.",
  503: "The service starts or stops. Wait some seconds, then try again.",
};

const ADVICE_BY_CODE = { no_page_model: "The other tabs work.", above_bound: "Use a shorter text." };

/** Return the error of an HTTP status.
 *
 * @param {number} status 0 if there was no answer
 * @param {{ message?: string, param?: string, code?: string }} sent the error that the service sent, if any
 */
export function statusError(status, { message = "", param = "", code = "" } = {}) {
  const own = status ? `The service answers with status ${status}.` : "The service does not answer.";
  const advice = ADVICE_BY_CODE[code] ?? ADVICE[status] ?? ADVICE[status >= 500 ? 500 : 400];
  return Object.assign(new Error(sentence(message || own)), { name: "ModelError", status, advice, param, code });
}

function sentence(message) {
  const text = message.trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** Return whether an error only says that a request was stopped on purpose. */
export function isAbort(error) {
  return error?.name === "AbortError";
}
