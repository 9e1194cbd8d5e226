"""A server that answers every request at once with the same answer: what is left is the cost of the clients.

Usage: python serving_fixed.py PORT
"""

import asyncio
import json
import sys

_COMPLETION = json.dumps(
    {
        "id": "cmpl-0",
        "object": "text_completion",
        "model": "fixed",
        "choices": [{"index": 0, "text": "word " * 32, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 32, "total_tokens": 40},
    }
).encode()
_HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(_COMPLETION)}\r\n\r\n".encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(sum(lengths))
            writer.write(_HEAD + _COMPLETION)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
