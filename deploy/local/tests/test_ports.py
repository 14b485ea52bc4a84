"""One number determines every port, and ports in use are detected."""

import socket

import pytest

from deploy.local import ports


def test_a_block_has_a_different_port_for_every_process() -> None:
    block = ports.assign_ports(8000)

    assert block["gateway"] == 8000
    assert len(set(block.values())) == len(block)
    assert all(8000 <= port < 8000 + ports.BLOCK_SIZE for port in block.values())


def test_neighbouring_blocks_do_not_overlap() -> None:
    assert not set(ports.assign_ports(8000).values()) & set(
        ports.assign_ports(8000 + ports.BLOCK_SIZE).values()
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - simulates a foreign server
def test_a_port_in_use_is_named_with_its_owner(address: str) -> None:
    first = ports.choose_free_block()
    with socket.create_server((address, first + ports.PORT_OFFSETS["redis"])):
        assert ports.find_taken(ports.assign_ports(first)) == {"redis": first + ports.PORT_OFFSETS["redis"]}
    assert ports.find_taken(ports.assign_ports(first)) == {}


def test_a_block_with_a_port_in_use_is_skipped() -> None:
    first = ports.choose_free_block()
    other = ports.choose_free_block(free_block for free_block in ports.FREE_BLOCKS if free_block != first)
    with socket.create_server(("127.0.0.1", first)):
        assert ports.choose_free_block([first, other]) == other
        with pytest.raises(OSError, match="no 30 consecutive free ports"):
            ports.choose_free_block([first])
