"""Files that come with texts. Those that phones attach are kept and served here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_CONTENT: Final = "/media-content"


@dataclass(frozen=True, slots=True)
class Medium:
    """A file that comes with a text.

    Attributes:
        url: where its bytes are, for whoever knows the address.
        content_type: what whoever sent it says that it is.
    """

    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that a phone attaches.

    Attributes:
        content_type: what the phone says that it is.
        content: its bytes.
    """

    content_type: str
    content: bytes


class Attachments:
    """Files that phones attached.

    Args:
        own_url: where the simulator is reached.
    """

    def __init__(self, own_url: str) -> None:
        self._own_url = own_url
        self._files: dict[str, File] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        return [Route(f"{_CONTENT}/{{file}}", self.show, methods=["GET"])]

    def keep(self, file: File) -> Medium:
        """Keep ``file``; the same one twice has one address."""
        said = file.content_type.encode() + b"\0" + file.content
        name = hashlib.sha256(said).hexdigest()[:32]
        self._files[name] = file
        return Medium(f"{self._own_url}{_CONTENT}/{name}", file.content_type)

    def forget(self) -> None:
        """Keep nothing."""
        self._files.clear()

    async def show(self, request: Request) -> Response:
        """The bytes of a file, under the type that the phone gave it."""
        file = self._files.get(request.path_params["file"])
        if file is None:
            return Response("no such file\n", status_code=404, media_type="text/plain")
        return Response(file.content, headers={"Content-Type": file.content_type})
