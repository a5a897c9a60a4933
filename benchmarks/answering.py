"""A server that answers each write after 20 ms, as ``python -m benchmarks.answering PORT``.

One process with one loop: it costs the cores that it shares as little as possible.
"""

import asyncio
import json
import sys

DELAY = 0.020


async def serve(reader, writer):
    """Answer the requests of one connection."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            break
        path = head.split(b" ", 2)[1].decode()
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        body = await reader.readexactly(length)
        await asyncio.sleep(DELAY)
        answer = _answer(path, body)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer)
        )
        await writer.drain()
    writer.close()


def _answer(path, body):
    """What HubSpot says to a batch, or Stripe to one change."""
    if path.endswith("/batch/update"):
        rows = [
            {"id": one["id"], "objectWriteTraceId": one["objectWriteTraceId"]}
            for one in json.loads(body)["inputs"]
        ]
        return json.dumps({"status": "COMPLETE", "results": rows}).encode()
    return json.dumps({"id": path.rsplit("/", 1)[-1], "status": "succeeded"}).encode()


async def main(port):
    """Serve on 127.0.0.1 until the process is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
