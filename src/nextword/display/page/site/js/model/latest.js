// Requests while a person types: few, and never an answer that is older than the text.

/** Return whether an error only says that a request was stopped on purpose. */
export function isAbort(error) {
  return error?.name === "AbortError";
}

/** Return a function that waits for a pause, asks once, and drops answers that a newer question has overtaken.
 *
 * @param {number} pause milliseconds without a new question
 * @param ask gets the arguments, `show` the answer and the arguments, `fail` the error
 */
export function latestOnly(pause, ask, show, fail) {
  let turn = 0;
  let timer = setTimeout(() => {});
  const run = async (mine, questions) => {
    try {
      const answer = await ask(...questions);
      if (mine === turn) show(answer, ...questions);
    } catch (error) {
      if (mine === turn) fail(error);
    }
  };
  return (...questions) => {
    turn += 1;
    clearTimeout(timer);
    timer = setTimeout(run, pause, turn, questions);
  };
}
