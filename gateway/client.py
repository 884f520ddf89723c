"""Asking a running gateway over its HTTP API: standard library only, never through a proxy.

Three ways to fail, told apart because the command line's exit codes are: not reachable, the question was refused
(both 2), the answer is no (1).
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from gateway.errors import GatewayError

DEFAULT_URL = "http://127.0.0.1:8161"
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_OCTETS = 1 << 30


class NotReachable(GatewayError):
    """No gateway answers at the URL, or what answers is not one."""


class Refused(GatewayError):
    """The gateway cannot read the question; names the field and the remedy."""


class AnswerIsNo(GatewayError):
    """The question is sound, the answer is no or nothing."""


class Client:
    """One gateway's API."""

    def __init__(self, url: str = DEFAULT_URL, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused(f"--gateway {url!r} is not a URL; give one like {DEFAULT_URL}")
        self._base = url.rstrip("/")
        self._timeout = timeout
        self._opener = build_opener(ProxyHandler({}))

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at /api/PATH; parameters that are None are left out."""
        given = urlencode({name: value for name, value in parameters.items() if value is not None})
        url = f"{self._base}/api/{path}{'?' + given if given else ''}"
        try:
            with self._opener.open(
                Request(url, headers={"Accept": "application/json"}), timeout=self._timeout
            ) as answer:
                return json.loads(answer.read(MAX_ANSWER_OCTETS))
        except HTTPError as error:
            raise self._refusal(error) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise NotReachable(
                f"no gateway answers at {self._base} ({reason}); start one with `anemone gateway -c FILE` or"
                " `anemone demo`, or name another with --gateway URL"
            ) from None
        except ValueError:
            raise self._stranger() from None

    def get_link(self, link: str) -> Any:
        """The document of one link; ids hold ':' and '/'."""
        return self.get(f"link/{quote(link, safe='')}")

    def _refusal(self, error: HTTPError) -> GatewayError:
        try:
            told = json.loads(error.read(1 << 20))
            text = str(told["error"]) + (f"; {told['remedy']}" if told["remedy"] else "")
            at = str(told["field"])
        except (ValueError, KeyError, TypeError, OSError):
            return self._stranger()
        if error.code == 404:
            return AnswerIsNo(text)
        return Refused(f"{at}: {text}" if at else text)

    def _stranger(self) -> NotReachable:
        return NotReachable(f"what answers at {self._base} is not an Anemone gateway; name another with --gateway URL")
