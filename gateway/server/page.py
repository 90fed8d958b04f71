"""The page's files. A name that could leave the folder is not looked up at all; every view of the page is its index,
and an address that is none is answered 404 with the index too, which says so in words."""

import re
from pathlib import Path

from aiohttp import web

from gateway.server.problems import Problem

FOLDER = Path(__file__).parents[1] / "page"
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
"""What may be served; a file with another ending is none of the page's."""
_VIEWS = re.compile(r"(?:(?:tasks|chat|agents|fleet|experiments|models|alerts|lab)(?:/[^/]+)?)?")
"""The addresses of views, as `app.js` has them."""
_NOT_PAGE = ("api", "ws", "schemas", "subjects", "healthz")
_NONE_YET = "The page is not part of this installation. The API is at /api, its description at /api/openapi.json.\n"


async def serve(request: web.Request) -> web.StreamResponse:
    """A file, or the index for an address that is a view of the page."""
    name = request.match_info["name"]
    if name.partition("/")[0] in _NOT_PAGE:
        raise Problem(404, "There is nothing at this address; /api/openapi.json tells what there is.")
    found = _file(name)
    if found is not None:
        return web.FileResponse(found, headers={"Content-Type": _content_type(found), "Cache-Control": "no-cache"})
    index = _file("index.html")
    if name and (index is None or not _is_read_by_people(name)):
        raise Problem(404, "The page has no such file.")
    if index is None:
        return web.Response(text=_NONE_YET)
    headers = {"Content-Type": _content_type(index), "Cache-Control": "no-cache"}
    if _VIEWS.fullmatch(request.rel_url.raw_path[1:]):  # raw: what is in an id stays one part
        return web.FileResponse(index, headers=headers)
    return web.Response(status=404, body=index.read_bytes(), headers=headers)


def _is_read_by_people(name: str) -> bool:
    """Whether a name is not that of a file. What follows a view's name, such as the id of an item of a task, may have
    a dot, as files' names have."""
    folder, _, rest = name.partition("/")
    return not Path(name).suffix or (bool(rest) and not (FOLDER / folder).is_dir())


def _file(name: str) -> Path | None:
    if not _NAME.fullmatch(name):
        return None
    found = FOLDER / name
    inside = found.resolve().is_relative_to(FOLDER.resolve())
    return found if inside and found.is_file() and found.suffix in _TYPES else None


def _content_type(path: Path) -> str:
    kind = _TYPES[path.suffix]
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
