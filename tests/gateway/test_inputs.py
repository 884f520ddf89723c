import socket

from gateway.config import Collect
from gateway.inputs import Inputs
from tests.gateway.test_udp import free_port, wait_for


def test_one_queue_oldest_first_from_several_sockets() -> None:
    ports = [free_port(), free_port()]
    inputs = Inputs(Collect(ipfix=tuple(f"udp://127.0.0.1:{p}" for p in ports)))
    inputs.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for port in ports:
                s.sendto(str(port).encode(), ("127.0.0.1", port))
                assert wait_for(lambda: inputs.stats()["datagrams"] == 1 + ports.index(port))  # noqa: B023
        assert [d for d, _ in inputs.take(1)] == [str(ports[0]).encode()]
        assert [d for d, _ in inputs.take(9)] == [str(ports[1]).encode()]
        assert inputs.take(9) == []
        assert inputs.stats()["queue_dropped"] == 0
    finally:
        inputs.stop()
