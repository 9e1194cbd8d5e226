"""Typing sessions of the service: a cap, an expiry, and an owner each."""

import asyncio
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import ReferenceType, ref

from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.session_options import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.serving.http.errors import ApiError
from nextword.serving.served_model import ServedModel
from nextword.serving.settings import ServingSettings

_ID_BYTES = 18
_MAX_WAITING = 8

_OPTIONS = SessionOptions(history=8, user_word_memory=200)
"""A session keeps few states: each has `V` numbers and those of the layers, and there may be many sessions."""


class TypingSession:
    """A text being typed by one client, with the words that it taught the model."""

    def __init__(self, name: str, owner: str, words: UserWords) -> None:
        self.name = name
        self.owner = owner
        self.used = 0.0  # when it was last used, by the clock of `Sessions`
        self._words = words
        self._lock = asyncio.Lock()
        self._num_waiting = 0
        self._must_close = False
        self._session: SuggestionSession | None = None
        self._served: ReferenceType[ServedModel] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the requests before this one are answered; the session is this request's within the block.

        Raises:
            ApiError: Too many requests wait for their turn (429).
        """
        if self._num_waiting >= _MAX_WAITING:
            raise ApiError(
                429,
                f"at most {_MAX_WAITING} requests may wait for a session, but more do; wait for answers",
                param="session",
                code="overloaded",
                headers={"Retry-After": "1"},
            )
        self._num_waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._num_waiting -= 1
        try:
            yield
        finally:
            self._lock.release()
            if self._must_close:
                self.close()

    def open(self, served: ServedModel) -> SuggestionSession:
        """Return the session with a model. With another model than before, it only keeps the words."""
        if self._session is None or self._served is None or self._served() is not served:
            self._session = SuggestionSession(served.model, user_words=self.learned(), options=_OPTIONS)
            self._served = ref(served)
        return self._session

    def learned(self) -> UserWords:
        """Return the words that it has learned."""
        return self._words if self._session is None else self._session.user_words

    def close(self) -> None:
        """Let go of the model, and keep the words: now, or at the end of the request that uses it."""
        self._must_close = self._lock.locked()
        if not self._must_close:
            self._words = self.learned()
            self._session = self._served = None


class Sessions:
    """The typing sessions. Ids cannot be guessed, and only the owner of a session can use it.

    If there are too many, the least recently used session of the owner who has the most is dropped. Each session is
    dropped after some time without use.
    The methods belong to one event loop.
    """

    def __init__(self, settings: ServingSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._sessions: OrderedDict[str, TypingSession] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        self._expire()
        return len(self._sessions)

    def begin(self, owner: str) -> TypingSession:
        """Begin a session, which is there once `keep` keeps it."""
        if not self._settings.max_sessions:
            raise ApiError(
                400, "this service keeps no sessions (`max_sessions` is 0); leave `session` out", param="session"
            )
        words = UserWords(maximum=self._settings.max_session_words)
        session = TypingSession(secrets.token_urlsafe(_ID_BYTES), owner, words)
        session.used = self._clock()
        return session

    def keep(self, session: TypingSession) -> None:
        """Keep a session for later requests."""
        session.used = self._clock()
        self._expire()
        while len(self._sessions) >= self._settings.max_sessions:
            self._drop_one()
        self._sessions[session.name] = session

    def find(self, name: str, owner: str) -> TypingSession:
        """Return a session of its owner, and count this as its use.

        Raises:
            ApiError: There is no such session, it has expired, or it belongs to another owner (404).
        """
        self._expire()
        session = self._sessions.get(name)
        if session is None or not secrets.compare_digest(session.owner, owner):
            raise ApiError(
                404,
                "the session must be one that you began and used lately, but there is no such session; begin another "
                'with `"session": "new"`',
                param="session",
                code="no_session",
            )
        session.used = self._clock()
        self._sessions.move_to_end(name)
        return session

    def end(self, name: str, owner: str) -> None:
        """End a session and forget its words."""
        del self._sessions[self.find(name, owner).name]

    def let_go(self) -> None:
        """Let all sessions go of their model, after another one took its place; their words stay."""
        for session in self._sessions.values():
            session.close()

    def seconds_left(self, session: TypingSession) -> float:
        """Return the seconds until a session expires if it is not used."""
        return max(0.0, session.used + self._settings.session_seconds - self._clock())

    def _drop_one(self) -> None:
        """Drop the least recently used session of the owner who has the most, so that nobody can crowd out others."""
        counts = Counter(session.owner for session in self._sessions.values())
        maximum = max(counts.values())
        name = next(name for name, session in self._sessions.items() if counts[session.owner] == maximum)
        del self._sessions[name]

    def _expire(self) -> None:
        oldest = self._clock() - self._settings.session_seconds
        while self._sessions and next(iter(self._sessions.values())).used < oldest:
            self._sessions.popitem(last=False)
