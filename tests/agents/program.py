"""Traffic with a name: this file is copied under the name the agent shall find.  Standard library only.

serve HOST PORT                     TCP: reads a line "N", answers N octets, or swallows when N is 0
upload HOST PORT OCTETS             one TCP connection
shop HOST PORT CONNECTIONS OCTETS   short TCP connections, one after the other
echo HOST PORT                      UDP: answers every second datagram
talk HOST PORT DATAGRAMS OCTETS     UDP
collect HOST PORT FILE              writes what it receives, each datagram behind its length
hold HOST PORT CONNECTIONS          opens connections and keeps them
keep HOST PORT                      accepts connections and keeps them
"""

from __future__ import annotations

import socket
import sys
import threading
import time


def family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def serve(host: str, port: str) -> None:
    server = socket.socket(family(host))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, int(port)))
    server.listen(256)
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as reader:
        count = int(reader.readline() or b"0")
        if count:
            connection.sendall(bytes(count))
        else:
            while reader.read(65536):
                pass


def upload(host: str, port: str, octets: str) -> None:
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"0\n")
        left = int(octets)
        while left > 0:
            connection.sendall(bytes(min(left, 65536)))
            left -= 65536
            time.sleep(0.002)


def shop(host: str, port: str, connections: str, octets: str, pause: str = "0.005") -> None:
    for _ in range(int(connections)):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(octets.encode() + b"\n")
            while connection.recv(65536):
                pass
        time.sleep(float(pause))


def echo(host: str, port: str) -> None:
    server = socket.socket(family(host), socket.SOCK_DGRAM)
    server.bind((host, int(port)))
    print("ready", flush=True)
    odd = False
    while True:
        data, peer = server.recvfrom(65536)
        odd = not odd
        if odd:
            server.sendto(data, peer)


def talk(host: str, port: str, datagrams: str, octets: str) -> None:
    sock = socket.socket(family(host), socket.SOCK_DGRAM)
    for _ in range(int(datagrams)):
        sock.sendto(bytes(int(octets)), (host, int(port)))
        time.sleep(0.002)


def ask(host: str, port: str, times: str, pause: str) -> None:
    for _ in range(int(times)):
        with socket.socket(family(host), socket.SOCK_DGRAM) as sock:
            sock.sendto(bytes(60), (host, int(port)))
            time.sleep(float(pause))


def collect(host: str, port: str, path: str) -> None:
    sock = socket.socket(family(host), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind((host, int(port)))
    print("ready", flush=True)
    with open(path, "ab", buffering=0) as file:
        while True:
            data = sock.recv(65536)
            file.write(len(data).to_bytes(2, "big") + data)


def hold(host: str, port: str, connections: str) -> None:
    kept = [socket.create_connection((host, int(port))) for _ in range(int(connections))]
    print("ready", flush=True)
    while kept:
        time.sleep(60)


def keep(host: str, port: str) -> None:
    server = socket.socket(family(host))
    server.bind((host, int(port)))
    server.listen(4096)
    print("ready", flush=True)
    kept = []
    while True:
        kept.append(server.accept()[0])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
