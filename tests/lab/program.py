#!/usr/bin/env python3
"""The programs that use the lab's network: one script under many names, standard library only.

    serve PORT                                   TCP server for the two below
    upload HOST PORT CONNECTIONS BPS SECONDS     long connections that send
    download HOST PORT CONNECTIONS BPS SECONDS   long connections that receive
    shop HOST PORT PER_SECOND OCTETS SECONDS     many short connections, each asks for OCTETS
    listen PORT                                  UDP: takes what comes
    stream PORT HOST PORT BPS SECONDS            UDP: sends 1200-octet datagrams from its port
    answer PORT OCTETS                           UDP: answers every datagram with OCTETS
    ask HOST PORT PER_SECOND SECONDS             UDP: one short question from a new socket each time
    talk PORT HOST PORT PER_SECOND OCTETS SECONDS   UDP: sends small datagrams, takes those of the other side

A connection begins with one line: `take` (the server reads to the end), or `give OCTETS BPS` (it sends so
much, at that rate, 0 = at once).  BPS counts payload bits per second over all connections.  Senders keep to a
timetable, so what is sent in a given time does not depend on the machine.  At the end one line says what was
sent and received.
"""

from __future__ import annotations

import asyncio
import sys

TICK = 0.05  # seconds between two writes of a paced sender
DATAGRAM = 1200

sent = 0
received = 0


async def pace(octets_per_second: float, seconds: float, unit: int):
    """Yield how many units of octets are due, on a timetable, until the time is over."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    done = 0
    while (elapsed := min(loop.time() - begin, seconds)) < seconds or not done:
        due = int(elapsed * octets_per_second) // unit
        if due > done:
            yield due - done
            done = due
        await asyncio.sleep(TICK)
    if (due := int(seconds * octets_per_second) // unit) > done:
        yield due - done


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global sent, received
    try:
        words = (await reader.readline()).split()
        if words and words[0] == b"give":
            octets, bits = int(words[1]), float(words[2])
            if bits:
                async for count in pace(bits / 8, octets / (bits / 8), 1):
                    writer.write(bytes(count))
                    await writer.drain()
            else:
                writer.write(bytes(octets))
                await writer.drain()
            sent += octets
        else:
            while chunk := await reader.read(65536):
                received += len(chunk)
    except ConnectionError as error:
        print(f"connection lost: {error}", flush=True)
    finally:
        writer.close()


async def serve(port: str) -> None:
    server = await asyncio.start_server(serve_one, "0.0.0.0", int(port), backlog=256)
    await server.serve_forever()


async def upload(host: str, port: str, connections: str, bits: str, seconds: str) -> None:
    async def one() -> None:
        global sent
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"take\n")
        async for count in pace(float(bits) / 8 / int(connections), float(seconds), 1):
            writer.write(bytes(count))
            await writer.drain()
            sent += count
        writer.write_eof()
        await reader.read()
        writer.close()

    await asyncio.gather(*(one() for _ in range(int(connections))))


async def fetch(host: str, port: str, octets: int, bits: float) -> None:
    global received
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"give %d %f\n" % (octets, bits))
    while chunk := await reader.read(65536):
        received += len(chunk)
    writer.close()


async def download(host: str, port: str, connections: str, bits: str, seconds: str) -> None:
    each = float(bits) / int(connections)
    octets = int(each / 8 * float(seconds))
    await asyncio.gather(*(fetch(host, port, octets, each) for _ in range(int(connections))))


async def shop(host: str, port: str, per_second: str, octets: str, seconds: str) -> None:
    visits = set()
    async for count in pace(float(per_second), float(seconds), 1):
        for _ in range(count):
            visits.add(asyncio.ensure_future(fetch(host, port, int(octets), 0.0)))
        visits = {visit for visit in visits if not visit.done()}
    await asyncio.gather(*visits)


class Answers(asyncio.DatagramProtocol):
    def __init__(self, octets: int) -> None:
        self.answer = bytes(octets)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: object) -> None:
        self.transport.sendto(self.answer, address)


class Question(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.sendto(bytes(40))

    def datagram_received(self, data: bytes, address: object) -> None:
        global received
        received += len(data)
        self.transport.close()


async def answer(port: str, octets: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Answers(int(octets)), local_addr=("0.0.0.0", int(port)))
    await asyncio.Event().wait()


async def ask(host: str, port: str, per_second: str, seconds: str) -> None:
    loop = asyncio.get_running_loop()
    async for count in pace(float(per_second), float(seconds), 1):
        for _ in range(count):
            await loop.create_datagram_endpoint(Question, remote_addr=(host, int(port)))


class Datagrams(asyncio.DatagramProtocol):
    def datagram_received(self, data: bytes, address: object) -> None:
        global received
        received += len(data)


async def endpoint(port: str) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", int(port)))
    return transport


async def listen(port: str) -> None:
    await endpoint(port)
    await asyncio.Event().wait()


async def talk(port: str, host: str, to: str, per_second: str, octets: str, seconds: str) -> None:
    global sent
    transport = await endpoint(port)
    async for count in pace(float(per_second), float(seconds), 1):
        for _ in range(count):
            transport.sendto(bytes(int(octets)), (host, int(to)))
            sent += int(octets)
    await asyncio.sleep(1)
    transport.close()


async def stream(port: str, host: str, to: str, bits: str, seconds: str) -> None:
    await talk(port, host, to, str(float(bits) / 8 / DATAGRAM), str(DATAGRAM), seconds)


VERBS = {verb.__name__: verb for verb in (serve, upload, download, shop, listen, stream, talk, answer, ask)}

if __name__ == "__main__":
    asyncio.run(VERBS[sys.argv[1]](*sys.argv[2:]))
    print(f"sent {sent} received {received}", flush=True)
