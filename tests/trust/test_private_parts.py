"""What nextword uses of JAX, Keras, h11 and uvicorn without their promise. A failure says what moved."""

import asyncio
import inspect
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter

import h11
import jax
import jax.numpy as jnp
import pytest
import uvicorn
from fastapi import FastAPI
from jax.experimental import rnn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from nextword.serving.server import transport_config
from nextword.serving.settings import ServingSettings

TRANSPORT = "nextword.serving.http.transport"
PARTS = {
    "keras.optimizers:Optimizer": (
        "nextword.training.step.averaging",
        *("_apply_weight_decay", "apply", "add_variable", "add_optimizer_variables"),
    ),
    "keras.callbacks:CallbackList": (
        "nextword.training.step.round_callbacks",
        *("on_train_begin", "on_train_batch_end", "on_test_batch_end", "on_epoch_begin", "on_epoch_end"),
    ),
    "uvicorn.protocols.http.h11_impl:H11Protocol": (
        TRANSPORT,
        *("connection_made", "connection_lost", "handle_events", "on_response_complete"),
        *("send_400_response", "pause_writing", "resume_writing", "timeout_keep_alive_handler"),
        "_unset_keepalive_if_required",
    ),
    "h11:Connection": (TRANSPORT, "trailing_data", "their_state"),
}
"""The module of nextword that uses a thing, and the members that it uses."""


@pytest.mark.parametrize("part", PARTS)
def test_private_parts_are_where_they_were(part: str) -> None:
    module, name = part.split(":")
    user, *members = PARTS[part]
    package = module.partition(".")[0]
    said = f"{package} {version(package)} no longer has `{{}}`, which `{user}` uses; see what took its place there"
    try:
        owner = attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        pytest.fail(said.format(f"{module}.{name}"))
    missing = [member for member in members if not hasattr(owner, member)]
    assert not missing, said.format(f"{module}.{name}.{', '.join(missing)}")


def test_a_connection_of_uvicorn_has_what_nextword_reads() -> None:
    config = transport_config(FastAPI(), ServingSettings(), lambda _refusal, _client: None)
    loop = asyncio.new_event_loop()
    protocol = H11Protocol(config, uvicorn.Server(config).server_state, {}, loop)
    loop.close()
    fields = ("conn", "cycle", "connections", "client", "loop", "timeout_keep_alive", "timeout_keep_alive_task")
    missing = [f"H11Protocol().{name}" for name in fields if name not in vars(protocol)]
    cycle = inspect.getsource(RequestResponseCycle)
    names = ("response_started", "response_complete", "disconnected", "message_event")
    missing += [f"RequestResponseCycle.{name}" for name in names if f"self.{name}" not in cycle]
    assert not missing, f"uvicorn {uvicorn.__version__} has moved {missing}; adapt `{TRANSPORT}`, see decision 0023"


def test_arguments_that_are_given_by_place_are_in_theirs() -> None:
    places = {
        rnn.lstm: "x h_0 c_0 weights seq_lengths input_size hidden_size num_layers dropout bidirectional precision",
        h11.Connection.__init__: "self our_role max_incomplete_event_size",
    }
    for function, names in places.items():
        assert list(inspect.signature(function).parameters) == names.split(), f"{function} takes other arguments now"


def test_errors_of_jax_have_the_words_that_nextword_looks_for() -> None:
    jnp.zeros(1).block_until_ready()
    with pytest.raises(RuntimeError, match="before any JAX"):  # in `training.distributed`
        jax.distributed.initialize("127.0.0.1:1", 1, 0)
