"""`nextword serve`: the model as an HTTP service with a page."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables
from nextword.cli.options.shared import data_dir_option
from nextword.cli.options.target import complete_methods, engine_name, engine_option, run_or_model_argument
from nextword.cli.output.messages import invocation, say
from nextword.cli.output.progress import read_split
from nextword.engine.methods.chain import METHODS, STATIC, methods_of, require_used
from nextword.engine.methods.method import Splits
from nextword.errors import MissingExtraError
from nextword.serving.settings import ServingSettings
from nextword.text.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from nextword.serving.served_model import ModelSource


@command(
    *(method.options_type for method in METHODS.values()),
    short=[],
    variables=ServingSettings.variables(),
    examples=[
        "nextword serve austen",
        "nextword serve runs/demo --port 9000 --method cache",
        "nextword serve runs/demo --host 0.0.0.0 --api-key-file keys.txt",
    ],
)
@run_or_model_argument
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen on. Others than this machine's own need a key.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--method",
    "chain",
    default=STATIC,
    metavar="NAME,...",
    shell_complete=complete_methods,
    help=f"Methods after training: {', '.join((STATIC, *METHODS))}. Joined by commas, each wraps those before it.",
)
@click.option(
    "--api-key-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with an API key in each line; clients send one of them.",
    show_default="NEXTWORD_SERVE_API_KEYS",
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Host name that requests may be sent to.")
@click.option("--allow-origin", "origins", multiple=True, metavar="URL", help="Web page that may use the service.")
@data_dir_option
@engine_option
def serve(
    run_or_model: Path,
    host: str,
    port: int,
    chain: str,
    api_key_file: Path | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    data_dir: Path | None,
    given: Tables,
) -> None:
    """Serve a model over HTTP, with a page for the browser.

    Programs use it like the completions of the OpenAI API; /openapi.json lists all routes. Ctrl-C ends it: requests in
    work get some seconds. Environment variables such as NEXTWORD_SERVE_MAX_TOKENS set the bounds; --help-all lists
    them.
    """
    try:
        from nextword.serving.http.access import Access, read_api_keys
        from nextword.serving.server import ServerOptions
        from nextword.serving.server import serve as serve_model
    except ImportError as error:
        raise MissingExtraError.of("the service needs FastAPI and uvicorn", error.name, "serve") from error
    settings = ServingSettings.from_environment()
    keys = read_api_keys(api_key_file, os.environ)
    options = ServerOptions(
        host=host,
        port=port,
        access=Access.of(host, keys=keys, allow_hosts=hosts, allow_origins=origins),
        settings=settings,
        say=say,
        log=_log if invocation().verbosity > 0 else None,
    )
    source = _source(Origin.of(run_or_model), chain, data_dir, given, settings.max_active)
    sys.exit(serve_model(source, options))


def _source(origin: Origin, chain: str, data_dir: Path | None, given: Tables, max_active: int) -> "ModelSource":
    """Return where the model comes from; a run knows the text that methods read."""
    from nextword.serving.served_model import ModelSource, no_splits

    methods = methods_of(chain.split(","))
    require_used(given, methods, ensemble=False)
    text = OriginText(origin, data_dir=data_dir)

    def splits(tokenizer: Tokenizer) -> Splits:
        return Splits(
            train=lambda: read_split(text, "train", tokenizer).ids,
            valid=lambda: read_split(text, "valid", tokenizer).ids,
        )

    return ModelSource(
        origin.bundle,
        engine_name(),
        methods,
        given,
        no_splits if text.source is None else splits,
        max_active,
    )


def _log(line: str) -> None:
    click.echo(line, err=True)
