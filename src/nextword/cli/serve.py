"""`nextword serve`: the model as an HTTP service with a page."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nextword.bundle.origin import Origin
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import CommandOptions, data_dir_option, option
from nextword.cli.options.target import engine_option, method_option, run_or_model_argument
from nextword.cli.output.messages import invocation, say
from nextword.engine.opening import EngineName
from nextword.engine.text_model import UsedMethod
from nextword.errors import MissingExtraError
from nextword.serving.settings import ServingSettings
from nextword.system.capacity import share_one_heap

if TYPE_CHECKING:
    from nextword.serving.served_model import ModelSource


@dataclass(frozen=True, kw_only=True)
class _ServeOptions(CommandOptions):
    run_or_model: Path = run_or_model_argument()
    host: str = option(
        "127.0.0.1", help="Address to listen on. Others than this machine's own need a key.", metavar="ADDRESS"
    )
    port: int = option(8000, help="Port to listen on; 0 takes a free one.", at_least=0, at_most=65_535)
    method: UsedMethod = method_option()
    api_key_file: Path | None = option(
        None,
        help="File with an API key in each line; clients send one of them.",
        type=click.Path(path_type=Path, dir_okay=False),
        unset="NEXTWORD_SERVE_API_KEYS",
    )
    allow_host: tuple[str, ...] = option((), help="Host name that requests may be sent to.", metavar="NAME")
    allow_origin: tuple[str, ...] = option((), help="Web page that may use the service.", metavar="URL")
    data_dir: Path | None = data_dir_option()
    engine: EngineName = engine_option()


@command(
    _ServeOptions,
    short=[],
    variables=ServingSettings.variables(),
    examples=[
        "nextword serve austen",
        "nextword serve runs/demo --port 9000 --method static",
        "nextword serve runs/demo --host 0.0.0.0 --api-key-file keys.txt",
    ],
)
def serve(options: _ServeOptions) -> None:
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
    keys = read_api_keys(options.api_key_file, os.environ)
    hosts, origins = options.allow_host, options.allow_origin
    server = ServerOptions(
        host=options.host,
        port=options.port,
        access=Access.of(options.host, keys=keys, allow_hosts=hosts, allow_origins=origins),
        settings=settings,
        say=say,
        log=_log if invocation().verbosity > 0 else None,
    )
    share_one_heap()  # a reload runs in another thread than the one before
    sys.exit(serve_model(_source(options, settings), server))


def _source(options: _ServeOptions, settings: ServingSettings) -> "ModelSource":
    from nextword.serving.served_model import ModelSource

    bundle = Origin.of(options.run_or_model).bundle
    return ModelSource(bundle, options.engine, options.method, settings, options.data_dir)


def _log(line: str) -> None:
    click.echo(line, err=True)
