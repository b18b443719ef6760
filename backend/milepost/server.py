"""An HTTP server in a thread of its own."""

import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

_START_S = 15


class HttpServer:
    """Serves one application on one address."""

    def __init__(self, api: FastAPI, host: str, port: int) -> None:
        """`port`: 0 takes a free one; `url` says which once it runs."""
        self._api = api
        self._address = (host, port)
        self.url = ""

    def start(self) -> None:
        """Serve; returns when it does. Raises OSError when the port is not to be had."""
        listener = socket.create_server(self._address)
        host, port = listener.getsockname()[:2]
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        config = uvicorn.Config(
            self._api,
            log_config=None,  # its lines go where all others go (logs.py)
            log_level="warning",
            timeout_graceful_shutdown=3,
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise OSError(f"the HTTP server did not come up on {self.url} in {_START_S} s; see the log above")
            time.sleep(0.02)

    def stop(self) -> None:
        """Answer what is under way and end."""
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]
