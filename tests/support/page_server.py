"""The page over the routes that it calls, for any model, in a thread of the test."""

import json
import math
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from nextword.api.trained_model import TrainedModel
from nextword.evaluation.comparison import ComparedWord, compare
from nextword.page import __file__ as page_file
from nextword.suggestion.session import SuggestionSession
from nextword.suggestion.suggestion import Suggestion
from nextword.text.line_ends import segments
from nextword.text.lines import split_lines
from nextword.text.pieces import tidy

SITE = Path(page_file).parent / "site"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass
class PageRoutes:
    """Answers of the service that the page needs.

    Attributes:
        model: The model.
        packed: What `/page/model.bin` answers; 404 if left out.
        passage: A held-out passage.
        key: The API key that requests to `/v1` must carry.
        failure: Status that each request to `/v1` gets instead of its answer.
    """

    model: TrainedModel
    packed: bytes | None = None
    passage: str | None = None
    key: str | None = None
    failure: int | None = None
    sessions: dict[str, SuggestionSession] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def describe(self) -> dict[str, Any]:
        """Answer `/page/describe.json`."""
        size = len(self.model.tokenizer.vocabulary)
        curve = [{"round": n, "train": 60 + 500 * 0.7**n, "valid": 67 + 420 * 0.68**n} for n in range(1, 24)]
        return {
            "name": self.model.name,
            "hash": "0123456789abcdef" * 4,
            "summary": f"LSTM 416, 208 · {size:,} words",
            "unit": "word",
            "vocabularySize": size,
            "card": self.model.card,
            "figures": {"perplexity (test)": "65.00", "parameters": "3,624,502", "trained on": "austen"},
            "curve": curve,
            "passage": self.passage,
            "bigramSource": "model",
        }

    def suggest(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `/v1/suggest`."""
        text, k = body["text"], body.get("k", 5)
        if body.get("bigram"):
            return _answer(self.model.suggest((text.split() or [""])[-1], k))
        name = body.get("session")
        if name is None:
            return _answer(self.model.complete(text, k) if body.get("complete") else self.model.suggest(text, k))
        if name == "new":
            name = f"s{len(self.sessions) + 1}"
            self.sessions[name] = self.model.session()
        session = self.sessions[name]
        for word in body.get("forget", ()):
            session.forget(word)
        session.replace(text)
        found = session.suggestions(k)
        vocabulary = self.model.tokenizer.vocabulary
        learned = [word for word in session.user_words if word not in vocabulary]
        if body.get("finish"):
            session.finish()
        return _answer(found) | {"session": name, "learned": learned}

    def score(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `/v1/score`."""
        tokens = _tokens_of(self.model, body["text"])
        ids = np.array([token_id for token_id, _, _ in tokens], np.int32)
        top = body.get("alternatives", 5)
        compared = compare(self.model.engine, ids, skip=0, max_tokens=len(ids), num_top=top, num_steps=0)
        rows = []
        for token, (_, start, end) in zip(compared, tokens, strict=True):
            word = ComparedWord.of(token, self.model.tokenizer)
            alternatives = [{"text": text, "probability": value} for text, value in word.top]
            rows.append(
                {
                    "text": word.actual,
                    "start": start,
                    "end": end,
                    "log_prob": token.log_prob,
                    "rank": word.rank,
                    "alternatives": alternatives,
                }
            )
        total = sum(token.log_prob for token in compared)
        return {"tokens": rows, "log_prob": total, "perplexity": math.exp(-total / len(rows))}

    def stream(self, body: dict[str, Any]) -> Iterator[str]:
        """Yield what `/v1/completions` streams."""
        return self.model.stream(
            body["prompt"],
            max_tokens=body["max_tokens"],
            temperature=body["temperature"],
            top_p=body["top_p"],
            seed=body.get("seed"),
        )


def _answer(found: list[Suggestion]) -> dict[str, Any]:
    return {"suggestions": [{"text": each.text, "probability": each.probability} for each in found]}


def _tokens_of(model: TrainedModel, text: str) -> list[tuple[int, int, int]]:
    """Return the id, start and end of each token of running text, with `<eos>` at the end."""
    tokenizer, tokens, place = model.tokenizer, [], 0
    for segment in segments(split_lines(text), tokenizer.line_ends):
        for written, token_id in tokenizer.cut(tidy(segment, tokenizer.kind)):
            start = text.index(written.strip(), place)
            place = start + len(written.strip())
            tokens.append((token_id, start, place))
        tokens.append((tokenizer.vocabulary.end_id, place, place))
    return tokens


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of the page."""

    protocol_version = "HTTP/1.1"
    routes: PageRoutes

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is inherited
        """Keep the output of the tests clean."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/page/describe.json":
            self._json(200, self.routes.describe())
        elif path == "/page/model.bin" and self.routes.packed is not None:
            self._send(200, self.routes.packed, "application/octet-stream")
        elif path == "/":
            self._send(200, (SITE / "index.html").read_bytes(), "text/html; charset=utf-8")
        elif path.startswith("/page/") and (SITE / path.removeprefix("/page/")).is_file():
            file = SITE / path.removeprefix("/page/")
            kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0]
            self._send(200, file.read_bytes(), kind or "application/octet-stream")
        else:
            self._error(404, "there is nothing here")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.routes.key and self.headers.get("Authorization") != f"Bearer {self.routes.key}":
            self._error(401, "an API key is required")
        elif self.routes.failure:
            self._error(self.routes.failure, "the service cannot answer now")
        elif self.path == "/v1/completions":
            self._events(self.routes.stream(body))
        else:
            with self.routes.lock:
                answer = {"/v1/suggest": self.routes.suggest, "/v1/score": self.routes.score}[self.path](body)
            self._json(200, answer)

    def _events(self, pieces: Iterator[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for piece in pieces:
                self._event({"choices": [{"index": 0, "text": piece, "finish_reason": None}]})
            self._event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # the page has left

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"message": message, "type": "error", "param": None, "code": None}})

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve_page(routes: PageRoutes, port: int = 0) -> Iterator[str]:
    """Serve the page in a thread; yield its address."""
    handler = type("Handler", (_Handler,), {"routes": routes})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
