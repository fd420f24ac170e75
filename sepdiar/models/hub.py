"""The Hugging Face hub, through its own client: the only module that knows it, and what the hub may answer as our errors.

The token is the client's business (HF_TOKEN, or what `hf auth login` stored): it is never read, shown or written here, and
no process that we start is given it (`sepdiar.environment`).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sepdiar import environment
from sepdiar.errors import SepdiarError
from sepdiar.models.cards import Card, Public

HOME = "https://huggingface.co"
TOKENS = f"{HOME}/settings/tokens"
SHA256 = re.compile(r"[0-9a-f]{64}")
BARS = "huggingface_hub.http_get"


@dataclass(frozen=True)
class Remote:
    """A file at the hub: of which commit it is, how long, and its SHA-256 where the hub tells it."""

    url: str
    revision: str
    size: int | None
    sha256: str


def look(card: Card, public: Public, path: str, revision: str) -> Remote:
    """Ask the hub for a file of a public model, without fetching it."""
    with _answers(card, public) as client:
        url = client.hf_hub_url(public.repository, path, revision=revision, endpoint=_endpoint())
        found = client.get_hf_file_metadata(url)
        if not found.commit_hash:
            what, hint = "something answers that is not a model hub", f"env -u HF_ENDPOINT sepdiar models pull {card.name}"
            raise SepdiarError("SD260", what, where=_endpoint() or HOME, hint=hint)
        pinned = client.hf_hub_url(public.repository, path, revision=found.commit_hash, endpoint=_endpoint())
        return Remote(pinned, found.commit_hash, found.size, found.etag if SHA256.fullmatch(found.etag or "") else "")


def has_token() -> bool:
    """Whether a token is there for the client to use; it is not read."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    place = Path(os.environ.get("HF_TOKEN_PATH") or Path(home) / "token").expanduser()
    return any(os.environ.get(name) for name in environment.TOKENS) or place.is_file()


def fetch(card: Card, public: Public, remote: Remote, part: Path, tell: Callable[[int], None]) -> None:
    """Fetch a file into `part`, going on behind the bytes that an earlier attempt left there."""
    if part.is_file() and remote.size is not None and part.stat().st_size > remote.size:
        part.unlink()
    with _answers(card, public) as client, part.open("ab") as file:
        from huggingface_hub.file_download import http_get

        headers = client.utils.build_hf_headers()
        telling: Any = _Telling(file, tell)
        http_get(remote.url, telling, resume_size=file.tell(), headers=headers, expected_size=remote.size)


class _Telling:
    """A file that says how long it has become."""

    def __init__(self, file: IO[bytes], tell: Callable[[int], None]) -> None:
        self._file, self._tell = file, tell
        self.tell, self.seek, self.truncate = file.tell, file.seek, file.truncate

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._tell(self._file.tell())
        return written


@contextmanager
def _answers(card: Card, public: Public) -> Iterator[Any]:
    """Inside, the hub's client, silent, and its errors as ours."""
    client = _client()
    errors = client.errors
    failure = errors.HfHubHTTPError.__mro__[1]  # of its HTTP library, whose name changes: every failure of a connection
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it warns of, we say, and without addresses that grant access
    client.utils.disable_progress_bars(BARS)
    again = f"sepdiar models pull {card.name}"
    later = f"{again}, once it can be reached: it goes on where it stopped"
    try:
        yield client
    except errors.OfflineModeIsEnabled as error:
        raise SepdiarError("SD260", "HF_HUB_OFFLINE is set", where=card.name, hint=f"env HF_HUB_OFFLINE=0 {again}") from error
    except errors.HfHubHTTPError as error:
        raise _refusal(error, card, public, again) from error
    except failure as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise SepdiarError("SD260", what, where=_endpoint() or HOME, hint=later) from error
    except OSError as error:
        if error.errno is not None:
            raise  # the disk's
        raise SepdiarError("SD260", "the file ended too early", where=public.repository, hint=again) from error
    finally:
        log.setLevel(level)
        client.utils.enable_progress_bars(BARS)


def _refusal(error: Any, card: Card, public: Public, again: str) -> SepdiarError:
    status = error.response.status_code
    reason = error.response.headers.get("X-Error-Code", "")
    where = f"{HOME}/{public.repository}"
    if reason in ("EntryNotFound", "RevisionNotFound"):
        what = f"no such {'file' if reason == 'EntryNotFound' else 'commit'}: {error.response.request.url.path}"
        return SepdiarError("SD262", what, where=where)
    if reason == "GatedRepo" or status in (401, 403):
        if _client().utils.get_token() is None:
            what = "its conditions must be accepted, and no token says who you are" if public.gated else "no token was given"
        elif status == 401:
            what = "the token is not accepted: it is wrong or has expired"
        else:
            what = "the token is not accepted: its owner has not accepted the conditions, or it may not read gated models"
        accept = f"accept the conditions at {where}, then: " if public.gated or reason == "GatedRepo" else ""
        token = f"hf auth login (or export HF_TOKEN) with a token from {TOKENS}"
        return SepdiarError("SD261", what, where=where, hint=f"{accept}{token}, then: {again}")
    if status == 404:
        return SepdiarError("SD262", "no such repository", where=where)
    return SepdiarError("SD260", f"the hub answered {status}", where=_endpoint() or HOME, hint=f"{again}, in a while")


def _client() -> Any:
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when it is imported
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise SepdiarError("SD250", "pulling needs huggingface_hub", hint="pip install 'sepdiar[hub]'") from error
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # where something else has imported it before
    return huggingface_hub


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
