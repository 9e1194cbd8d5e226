"""`nextword serve`: the model as an HTTP service with a page."""

from pathlib import Path

import click

from nextword.cli.command import command
from nextword.cli.output import say
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.errors import MissingExtraError


@command(
    examples=[
        "nextword serve austen",
        "nextword serve runs/demo --port 9000",
    ],
)
@run_or_model_argument
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, help="Port to listen on; 0 takes a free one.")
@engine_option
def serve(run_or_model: Path, host: str, port: int) -> None:
    """Serve a model over HTTP, with a page for the browser."""
    target = Target.of(run_or_model)
    try:
        from nextword.serving.server import serve as serve_model
        from nextword.serving.serving_settings import ServingSettings
    except ImportError as error:
        raise MissingExtraError.of("the service needs FastAPI and uvicorn", error.name, "serve") from error
    say(f"serving {run_or_model} on http://{host}:{port}")
    serve_model(target.bundle, host=host, port=port, engine="auto", settings=ServingSettings.from_environment())
