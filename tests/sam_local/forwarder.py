"""Let containers reach what listens on 127.0.0.1: through one address, encrypted on the way.

Started as `python forwarder.py ADDRESS CERTIFICATE PRIVATE_KEY FROM:TO[:tls]...`. It listens on the
ports FROM of the address and passes on to the ports TO of 127.0.0.1. With `tls` the encryption ends
here; without, it passes on what is encrypted already.
"""

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable

Passing = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_READY = "ready"
_BLOCK_BYTES = 64 * 1024
_FREEBIND = 15  # Linux: podman's bridge has its address only while a container runs


async def main() -> None:
    """Forward until killed."""
    address, certificate, private_key, *ways = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private_key)
    servers = []
    for way in ways:
        port, target, *tls = way.split(":")
        listener = _listener(address, int(port))
        passing = _passing_to(int(target))
        servers.append(
            await asyncio.start_server(passing, sock=listener, ssl=context if tls else None)
        )
    print(_READY, flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _listener(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    listener.bind((address, port))
    return listener


def _passing_to(port: int) -> Passing:
    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(onward, writer))

    return passing


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main())
