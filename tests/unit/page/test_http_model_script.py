"""`site/js/http_model.js` in a browser, with answers that come when the test says so."""

from typing import Any


def test_a_word_that_is_forgotten_while_an_answer_is_on_its_way_stays_forgotten(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const questions = [];
          const answers = [];
          globalThis.fetch = (_address, { body }) => {
            questions.push(JSON.parse(body));
            return new Promise((resolve) => answers.push((learned) => {
              resolve(new Response(JSON.stringify({ suggestions: [], session: "abc", learned })));
            }));
          };
          const model = new js.http_model.HttpModel({});
          const asked = async (learned, meanwhile = () => {}) => {
            const answer = model.suggest({ text: "Tolu ", k: 1, complete: true });
            await new Promise((resolve) => setTimeout(resolve));
            await meanwhile();
            answers.shift()(learned);
            await answer;
            return model.ownWords();
          };
          const shown = [
            await asked(["Tolu", "Zylberg"]),
            await asked(["Tolu", "Zylberg"], () => model.forget("Tolu")),
            await asked(["Zylberg"]),
          ];
          return { shown, forgotten: questions.map(({ forget }) => forget ?? null) };
        }"""
    )
    assert found["shown"] == [["Tolu", "Zylberg"], ["Zylberg"], ["Zylberg"]]
    assert found["forgotten"] == [None, None, ["Tolu"]]


def test_a_new_session_learns_no_more_words_than_a_request_may_have(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const model = new js.http_model.HttpModel({});
          model.learned = Array.from({ length: 1500 }, (_, number) => `word${number}`);
          return model.question({ text: "", k: 1 }).learn;
        }"""
    )
    assert len(found) == 1000
    assert found[-1] == "word1499"
