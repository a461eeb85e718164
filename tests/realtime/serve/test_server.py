"""The socket on which the service listens."""

import socket

import pytest

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")

from realtime.serve.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_do_not_wait_until_the_client_acknowledges_their_head(host: str) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with listen(host, 0) as opened, socket.create_connection(opened.getsockname()[:2]):
        connection, _ = opened.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
