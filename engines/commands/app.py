"""How every command is set up: plain text for help and errors, no completion, and `--version`."""

from typing import Annotated

import typer


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        import engines

        print(context.find_root().info_name, engines.__version__)
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.", show_default=False)
]


def command_app(help: str | None = None) -> typer.Typer:
    """An application that prints plain text. With `help`, a group of subcommands that has `--version` itself.

    A single command takes `version: Version = False` as its last parameter.
    """
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=help is not None,
        context_settings={"max_content_width": 100},
    )
    if help is not None:

        @app.callback(help=help)
        def group(version: Version = False) -> None:
            pass

    return app
