"""One number determines every port, and ports in use are detected."""

import socket

import pytest

from deploy.local import ports


def test_a_block_holds_all_ports_and_no_port_twice() -> None:
    block = ports.block(8000)

    assert block["gateway"] == 8000
    assert len(set(block.values())) == len(block)
    assert all(8000 <= port < 8000 + ports.BLOCK for port in block.values())


def test_neighbouring_blocks_do_not_touch() -> None:
    assert not set(ports.block(8000).values()) & set(ports.block(8000 + ports.BLOCK).values())


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - simulates a foreign server
def test_a_port_in_use_is_named_with_its_owner(address: str) -> None:
    first = ports.free_block()
    with socket.create_server((address, first + ports.OFFSETS["redis"])):
        assert ports.find_taken(ports.block(first)) == {"redis": first + ports.OFFSETS["redis"]}
    assert ports.find_taken(ports.block(first)) == {}


def test_a_block_with_a_port_in_use_is_passed_over() -> None:
    first = ports.free_block()
    other = ports.free_block(each for each in ports.FREE_BLOCKS if each != first)
    with socket.create_server(("127.0.0.1", first)):
        assert ports.free_block([first, other]) == other
        with pytest.raises(OSError, match="no 30 free ports"):
            ports.free_block([first])
