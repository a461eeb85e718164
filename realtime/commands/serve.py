"""`shm-serve`: cuts people out of photos, videos and a browser's camera, on a page and for programs, over HTTP."""

import webbrowser
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Closer, Model, Precision, Threads, load_engine
from engines.commands.running import UsageError, needs_extra, run
from realtime.addresses import is_loopback
from realtime.commands.checks import notify
from realtime.commands.options import MAX_MEGAPIXELS, MEGAPIXEL, MaxMegapixelsOption
from realtime.scratch import scratch_folder, temporary_errors
from realtime.serve.limits import (
    CAMERAS,
    KEEP_FOR,
    MAX_MEGABYTES,
    MAX_VIDEO_MEGABYTES,
    MAX_VIDEO_SECONDS,
    QUEUE,
    VIDEOS,
    Limits,
)

app = command_app()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to serve on. Beyond this machine it needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: one that is free.")] = 8400,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    token: Annotated[
        str | None, typer.Option(envvar="SHM_SERVE_TOKEN", help="What clients have to send: Authorization: Bearer TOKEN.")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Serve beyond this machine whoever asks.")] = False,
    queue: Annotated[int, typer.Option(min=1, max=10_000, help="Requests at a time; more are sent away.")] = QUEUE,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Refuse larger requests.")] = MAX_MEGABYTES,
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    videos: Annotated[int, typer.Option(min=1, max=1000, help="Videos at a time that wait or are worked on.")] = VIDEOS,
    max_video_megabytes: Annotated[int, typer.Option(min=1, help="Refuse larger videos.")] = MAX_VIDEO_MEGABYTES,
    max_video_seconds: Annotated[int, typer.Option(min=1, help="Refuse longer videos.")] = MAX_VIDEO_SECONDS,
    keep_for: Annotated[int, typer.Option(min=1, metavar="MINUTES", help="How long edited videos are kept.")] = KEEP_FOR,
    cameras: Annotated[int, typer.Option(min=0, max=1000, help="Cameras at a time that are matted live.")] = CAMERAS,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Frames matted at once on a CPU, each on its share of the cores.")
    ] = 1,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    closer: Closer = True,
    version: Version = False,
) -> None:
    """Serve mattes over HTTP: a page for photos, videos and the camera, and calls for programs, which /docs describes.

    It ends on Ctrl-C or SIGTERM, when the requests that were taken are done.

    \b
    Examples:
      shm-serve --open
      shm-serve --port 8500 --model large
      shm-serve --host 0.0.0.0 --token "$TOKEN"
    """
    loopback = is_loopback(host)
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("--token: is empty, or has spaces or letters beyond ASCII; give another")
    if token is not None and no_token:
        raise UsageError("--token and --no-token exclude each other; leave one of them out")
    if not loopback and token is None and not no_token:
        raise UsageError(f"--host {host}: others can reach this; add --token, or --no-token to serve whoever asks")
    with needs_extra("web"):
        from engines.weights import models
        from realtime.serve.app import create_app
        from realtime.serve.server import listen
        from realtime.serve.server import serve as serve_until_stopped
    with temporary_errors(), scratch_folder():  # else each request would fail, or the service at its start
        pass

    limits = Limits(
        bytes=max_megabytes * 1_000_000,
        pixels=max_megapixels * MEGAPIXEL,
        queue=queue,
        video_bytes=max_video_megabytes * 1_000_000,
        video_seconds=max_video_seconds,
        videos=videos,
        keep_for=60.0 * keep_for,
        cameras=cameras,
    )
    with ExitStack() as stack:
        opened = stack.enter_context(listen(host, port))
        loading = partial(load_engine, threads=threads, at_once=workers, closer=closer)
        engine = stack.enter_context(loading(backend, precision=precision, model=model))
        if engine.at_once < workers:
            notify(f"--workers {workers}: {engine.name} mattes {engine.at_once} at a time here")
        if not loopback and token is None:
            notify("whoever can reach this machine is served: --no-token")
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{opened.getsockname()[1]}"
        notify(f"serving on {address} ({engine.name} {engine.precision}, {engine.device}); {address}/docs describes it")
        if open_page and not webbrowser.open(address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")):
            notify("there is no browser to open it in")

        again = partial(loading, engine.name, precision=engine.precision)
        load = (lambda name: again(model=name)) if len(models()) > 1 else None
        service = create_app(engine, limits=limits, load=load, token=token, loopback=loopback)
        serve_until_stopped(service, opened)


def main() -> None:
    """Entry point of `shm-serve`."""
    run(app)


if __name__ == "__main__":
    main()
