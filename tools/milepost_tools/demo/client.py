"""One person at the public API."""

from types import TracebackType
from typing import Any

import httpx

from milepost.ids import new_id

_TIMEOUT_S = 20.0


class ApiError(RuntimeError):
    """The API refused or failed; `status` and `code` say how, the message names request and reason."""

    def __init__(self, request: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = problem.get("code")
        said = problem.get("detail") or problem.get("title") or problem
        super().__init__(f"{request}: {status} {self.code or ''}: {said}")


def at(url: str) -> httpx.Client:
    """A client for the service at this address, past any proxy of the machine."""
    return httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)


class Client:
    """A signed-in person. http: a client whose base is the service's address; every method raises ApiError."""

    def __init__(self, http: httpx.Client, login: str, password: str) -> None:
        self._http = http
        self.login = login
        token = self.post("/auth/login", login=login, password=password)["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """GET /api/v1 + path."""
        return self._answer(self._http.get(f"/api/v1{path}", params=query))

    def post(self, path: str, **body: Any) -> Any:
        """POST /api/v1 + path as one command with its own Idempotency-Key. `from_` is sent as `from`."""
        sent = {key.rstrip("_"): value for key, value in body.items()}
        key = {"Idempotency-Key": new_id()}
        return self._answer(self._http.post(f"/api/v1{path}", json=sent, headers=key))

    def _answer(self, response: httpx.Response) -> Any:
        if response.is_success:
            return response.json() if response.content else None
        try:
            problem = response.json()
        except ValueError:
            problem = {"detail": response.text[:300]}
        said = problem if isinstance(problem, dict) else {"detail": problem}
        raise ApiError(
            f"{self.login}: {response.request.method} {response.request.url.path}", response.status_code, said
        )
