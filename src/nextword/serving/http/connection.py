"""An HTTP/1.1 connection that refuses what h11 lets through: large, ambiguous and old-fashioned requests."""

import re
from typing import Any

import h11

from nextword.serving.http.errors import ApiError
from nextword.serving.settings import ServingSettings

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_FOLDED = re.compile(rb"\n[ \t]")
_REQUEST_LINE = re.compile(rb" HTTP/[0-9]\.[0-9]\r?$")
_VERSIONS = (b"1.0", b"1.1")
_MAX_CHUNKS = 4096
"""Most chunks of a body. Each costs time, even if it holds one byte."""


class BoundedConnection(h11.Connection):
    """The server's side of a connection, with bounds on head and body of a request.

    `next_event` raises `RemoteProtocolError` for a refused request; `refusal` then says why.
    """

    def __init__(self, settings: ServingSettings) -> None:
        super().__init__(h11.SERVER, settings.max_header_bytes)
        self._settings = settings
        self._body_bytes = 0
        self._chunks = 0
        self.is_head = False
        self.refusal: ApiError | None = None

    @property
    def is_receiving(self) -> bool:
        """Whether a part of a request has come, and the rest has not."""
        if self.their_state is h11.IDLE:
            return bool(self.trailing_data[0])
        return self.their_state is h11.SEND_BODY

    @property
    def num_buffered(self) -> int:
        """Bytes that have come and are not yet parsed."""
        return len(self.trailing_data[0])

    def next_event(self) -> Any:
        """Return the next event of the client, see `h11.Connection.next_event`."""
        before = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = _refusal_of(error)
            raise
        if isinstance(event, h11.Request):
            head = before[: len(before) - self.num_buffered]
            self._body_bytes = self._chunks = 0
            self.is_head = event.method == b"HEAD"
            if refusal := _refusal_of_head(head, self._settings) or _refusal_of_request(event, self._settings):
                self._refuse(refusal)
        elif isinstance(event, h11.Data):
            self._count(event)
        elif event is h11.NEED_DATA and _begins_without_version(before):
            self._refuse(ApiError(400, "a request line must end with its version, HTTP/1.1", code="http_version"))
        return event

    def _count(self, data: h11.Data) -> None:
        self._body_bytes += len(data.data)
        self._chunks += data.chunk_start
        if self._body_bytes > self._settings.max_body_bytes:
            self._refuse(_too_large(self._settings))
        if self._chunks > _MAX_CHUNKS:
            self._refuse(
                ApiError(
                    413, f"the body must have at most {_MAX_CHUNKS} chunks; send larger chunks", code="too_many_chunks"
                )
            )

    def _refuse(self, refusal: ApiError) -> None:
        self.refusal = refusal
        raise h11.RemoteProtocolError(refusal.message, refusal.status)


def _begins_without_version(data: bytes) -> bool:
    """Return whether the first line is whole and no request line, as in HTTP/0.9; h11 would wait."""
    line, end, _ = data.partition(b"\n")
    return bool(end) and not _REQUEST_LINE.search(line)


def _refusal_of(error: h11.RemoteProtocolError) -> ApiError:
    if error.error_status_hint == 431:
        message = "request line and headers must be shorter; send fewer or shorter headers"
        return ApiError(431, message, code="header_too_large")
    # Only the kind of the fault: the message of h11 quotes what the client sent.
    return ApiError(400, "the request must be well-formed HTTP/1.1; correct the client", code="invalid_http")


def _refusal_of_head(head: bytes, settings: ServingSettings) -> ApiError | None:
    """Return why the bytes of request line and headers are refused, if they are."""
    if len(head) > settings.max_header_bytes:
        message = f"request line and headers must be at most {settings.max_header_bytes} bytes; send fewer headers"
        return ApiError(431, message, code="header_too_large")
    if head.count(b"\n") - 2 > settings.max_headers:
        message = f"a request must have at most {settings.max_headers} headers; send fewer"
        return ApiError(431, message, code="too_many_headers")
    if _CONTROL.search(head) or _BARE_LINE_FEED.search(head):
        return ApiError(400, "lines must end with CR LF and hold no control characters", code="invalid_http")
    if _FOLDED.search(head):
        return ApiError(400, "a header must be on one line; send it without line folding", code="invalid_http")
    if len(re.findall(rb"(?im)^content-length:", head)) > 1 or re.search(rb"(?im)^content-length:[^\n]*,", head):
        return ApiError(400, "a request must have one Content-Length; send it once", code="invalid_http")
    return None


def _refusal_of_request(request: h11.Request, settings: ServingSettings) -> ApiError | None:
    """Return why a request is refused for its request line or its framing, if it is."""
    if request.http_version not in _VERSIONS:
        return ApiError(400, "the version must be HTTP/1.1 or HTTP/1.0", code="http_version")
    if not request.target.startswith(b"/"):
        return ApiError(400, "the target must be a path that begins with `/`", code="invalid_target")
    if b"%00" in request.target.partition(b"?")[0]:
        return ApiError(400, "the path must hold no NUL; leave %00 out", code="invalid_target")
    headers = dict(request.headers)
    if b"transfer-encoding" in headers:
        if b"content-length" in headers:
            return ApiError(
                400, "a request must have Content-Length or Transfer-Encoding, not both", code="invalid_http"
            )
        if request.http_version == b"1.0":
            return ApiError(400, "HTTP/1.0 has no Transfer-Encoding; send Content-Length", code="invalid_http")
    if int(headers.get(b"content-length", b"0")) > settings.max_body_bytes:
        return _too_large(settings)
    return None


def _too_large(settings: ServingSettings) -> ApiError:
    return ApiError(413, f"the body must be at most {settings.max_body_bytes} bytes; send less", code="body_too_large")
