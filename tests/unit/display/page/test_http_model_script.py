"""`site/js/http_model.js` in Node, with answers that come when the test says so."""

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
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
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
          await model.allow("Tolu");
          await asked(["Tolu", "Zylberg"]);
          await model.forget("much");
          model.session = "new";
          await asked(["Tolu", "Zylberg"]);
          await asked(["Tolu", "Zylberg"]);
          return { shown, sent: questions.map(({ learn, forget }) => [learn ?? null, forget ?? null]) };
        }"""
    )
    assert found["shown"] == [["Tolu", "Zylberg"], ["Zylberg"], ["Zylberg"]]
    nothing = [None, None]
    assert found["sent"][:4] == [nothing, nothing, [None, ["Tolu"]], [["Tolu"], None]]
    assert found["sent"][4:] == [[["Tolu", "Zylberg"], ["much"]], nothing], "a new session is told everything, once"


def test_a_change_that_waits_while_the_session_expires_is_not_sent_again(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const questions = [];
          globalThis.fetch = async (_address, { body }) => {
            const question = JSON.parse(body);
            questions.push(question);
            if (question.session === "old") return new Response("{}", { status: 404 });
            return new Response(JSON.stringify({ suggestions: [], session: "abc", learned: [] }));
          };
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
          model.session = "old";
          await model.forget("much");
          await model.forget("very");
          await model.allow("much");
          for (const text of ["I am ", "I am so "]) await model.suggest({ text, k: 1, complete: true });
          return questions.map(({ session, learn, forget }) => [session, learn ?? [], forget ?? []]);
        }"""
    )
    assert found == [["old", ["much"], ["very"]], ["new", [], ["very"]], ["abc", [], []]]


def test_an_own_word_that_is_allowed_again_is_learned_by_a_new_session(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
          model.learned = ["Kowalczyk", "Nowak"];
          await model.forget("Kowalczyk");
          const without = model.question({ text: "", k: 1 }).learn;
          for (const word of ["Kowalczyk", "much"]) await model.allow(word);
          return [without, model.question({ text: "", k: 1 }).learn];
        }"""
    )
    assert found == [["Nowak"], ["Nowak", "Kowalczyk"]]


def test_a_new_session_learns_no_more_words_than_a_request_may_have(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
          model.learned = Array.from({ length: 1500 }, (_, number) => `word${number}`);
          return model.question({ text: "", k: 1 }).learn;
        }"""
    )
    assert len(found) == 1000
    assert found[-1] == "word1499"


_ASKED = """async (text, models, js) => {
  const questions = [];
  globalThis.fetch = async (address, { body }) => {
    questions.push(JSON.parse(body));
    return new Response(JSON.stringify({ suggestions: [], session: "abc", learned: [], tokens: [] }));
  };
  const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
  await model.suggest({ text, k: 1, complete: true });
  await model.bigrams({ text, k: 1 });
  await model.finish(text);
  await model.score(text);
  return questions;
}"""


def test_the_service_gets_the_end_of_a_long_text_and_learns_from_all_of_it(scripts: Any) -> None:
    text = "word " * 3800 + "last"
    typed, bigrams, *finished, scored = scripts.run(_ASKED, text)
    for question in (typed, bigrams):
        assert 1900 < len(question["text"]) <= 4000
        assert text.endswith(f" {question['text']}")
    assert "".join(question["text"] for question in finished) == text
    assert all(question["finish"] for question in finished)
    assert scored == {"text": text, "alternatives": 0}


def test_a_long_text_is_learned_from_in_parts_that_cut_no_word(scripts: Any) -> None:
    text = "very wonderful " * 600
    parts = [question["text"] for question in scripts.run(_ASKED, text) if question.get("finish")]
    assert "".join(parts) == text
    assert [word for part in parts for word in part.split()] == text.split()


def test_a_long_text_without_spaces_is_sent_in_whole_characters(scripts: Any) -> None:
    for text in ("\u4f60" * 4500 + "\n", "a" + "\N{GRINNING FACE}" * 2500):
        sent = scripts.run(_ASKED, text)[0]["text"]
        assert len(sent) > 900
        assert text.endswith(sent)


def test_a_question_that_waits_is_not_asked_after_a_later_key(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          const asked = [];
          globalThis.fetch = async (_address, { body }) => {
            asked.push(JSON.parse(body).text);
            return new Response(JSON.stringify({ suggestions: [asked.length], session: "abc", learned: [] }));
          };
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
          const answers = ["I", "I a", "I am"].map((text) => model.suggest({ text, k: 1, complete: true }));
          return [asked, await Promise.all(answers)];
        }"""
    )
    assert found == [["I am"], [[], [], [1]]]


def test_own_words_stay_with_a_service_that_keeps_no_sessions(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          globalThis.fetch = async () => new Response(JSON.stringify({ suggestions: [] }));
          const model = new js.http_model.HttpModel({ base: "http://127.0.0.1/" });
          model.learned = ["Kowalczyk"];
          await model.suggest({ text: "I ", k: 1, complete: true });
          return model.ownWords();
        }"""
    )
    assert found == ["Kowalczyk"]


def test_the_start_of_what_is_sent_stays_while_a_person_types(scripts: Any) -> None:
    first, second = (scripts.run(_ASKED, "word " * 900 + typed)[0]["text"] for typed in ("", "on"))
    assert second == f"{first}on"


def test_a_text_with_too_many_tokens_is_scored_without_alternatives(scripts: Any) -> None:
    found = scripts.run(
        """async (text, models, js) => {
          const asked = [];
          globalThis.fetch = async (address, { body }) => {
            const { alternatives } = JSON.parse(body);
            asked.push(alternatives);
            const refused = { error: { message: "too long", code: "above_bound" } };
            return new Response(JSON.stringify(alternatives ? refused : {}), { status: alternatives ? 400 : 200 });
          };
          await new js.http_model.HttpModel({ base: "http://127.0.0.1/" }).score(text).catch(() => {});
          return asked;
        }""",
        "a " * 5000,
    )
    assert found == [5, 0]


def test_a_service_that_is_gone_is_reported(scripts: Any) -> None:
    found = scripts.run(
        """async (_, models, js) => {
          globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
          const { message, advice } = await new js.http_model.HttpModel({ base: "http://127.0.0.1/" })
            .score("She was")
            .catch((error) => error);
          return [message, advice];
        }"""
    )
    assert found == ["The service does not answer.", "Check that nextword serve still runs, then try again."]
