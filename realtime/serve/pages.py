"""The page in the browser: a few files of this folder, and nothing from elsewhere."""

from pathlib import Path

from fastapi import FastAPI, HTTPException, Response

FOLDER = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = "default-src 'self'; img-src 'self' blob: data:; media-src blob:; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def add_page(app: FastAPI) -> None:
    """Add the page at / to a service, and its files."""
    files = {path.name: path for path in FOLDER.iterdir()}

    @app.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "there is no such file")
        return Response(files[name].read_bytes(), media_type=TYPES[files[name].suffix], headers=HEADERS)

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return await file("index.html")
