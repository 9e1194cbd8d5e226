"""Settings of the HTTP service: a bound for everything that a request can ask for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, get_type_hints

from nextword.errors import SettingError
from nextword.settings import Settings, setting, unknown_name

_PREFIX = "NEXTWORD_SERVE_"

API_KEYS_VARIABLE = "NEXTWORD_SERVE_API_KEYS"
"""The environment variable with API keys, separated by commas or white space."""


@dataclass(frozen=True, kw_only=True)
class ServingSettings(Settings):
    """Bounds of the service. Each has an environment variable, such as `NEXTWORD_SERVE_MAX_TOKENS`."""

    group: ClassVar[str] = "serving"

    max_body_bytes: int = setting(2**20, help="Most bytes of a request body.", at_least=1, at_most=2**26)
    max_header_bytes: int = setting(2**14, help="Most bytes of request line and headers.", at_least=256, at_most=2**20)
    max_prompts: int = setting(16, help="Most prompts of a request.", at_least=1, at_most=1024)
    max_prompt_tokens: int = setting(4096, help="Most tokens of a prompt.", at_least=1, at_most=2**20)
    max_tokens: int = setting(1024, help="Most tokens of a generated text.", at_least=1, at_most=2**20)
    max_choices: int = setting(16, help="Most texts for each prompt (`n`).", at_least=1, at_most=1024)
    max_stops: int = setting(8, help="Most stop strings.", at_least=0, at_most=1024)
    max_stop_characters: int = setting(256, help="Most characters of a stop string.", at_least=1, at_most=2**16)
    max_logprobs: int = setting(20, help="Most alternatives for each token (`logprobs`).", at_least=0, at_most=1000)
    max_answer_logprobs: int = setting(
        2**18, help="Most log-probabilities of an answer, alternatives included.", at_least=1, at_most=2**26
    )
    max_lines: int = setting(256, help="Most lines of a request.", at_least=1, at_most=2**16)
    max_scored_tokens: int = setting(
        2**15, help="Most tokens of all lines of a request that scores.", at_least=1, at_most=2**24
    )
    max_suggestions: int = setting(100, help="Most suggestions of a request (`k`).", at_least=1, at_most=10_000)
    max_active: int = setting(64, help="Most texts that the engine works on at once.", at_least=1, at_most=4096)
    queue_length: int = setting(64, help="Most requests that wait; others get status 429.", at_least=0, at_most=2**16)
    queue_seconds: float = setting(5.0, help="Longest wait before status 429.", at_least=0.0, at_most=3600.0)
    max_connections: int = setting(512, help="Most open connections; others get status 503.", at_least=1, at_most=2**16)
    receive_seconds: float = setting(10.0, help="Longest time to receive a request.", at_least=0.1, at_most=3600.0)
    write_seconds: float = setting(
        30.0, help="Longest time for a client to read what was sent, or 1 KiB/s.", at_least=0.1, at_most=3600.0
    )
    idle_seconds: float = setting(
        5.0, help="Longest time that an idle connection stays open.", at_least=0.1, at_most=3600.0
    )
    drain_seconds: float = setting(
        10.0, help="Time to finish running requests after SIGTERM.", at_least=0.0, at_most=3600.0
    )
    max_prefixes: int = setting(
        1024, help="Most beginnings of texts whose state is kept for longer texts.", at_least=0, at_most=2**20
    )
    max_prefix_bytes: int = setting(2**27, help="Most bytes of these states.", at_least=0, at_most=2**40)

    @staticmethod
    def variable(name: str) -> str:
        """Return the environment variable of a setting."""
        return _PREFIX + name.upper()

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the meaning and the default of each environment variable."""
        return {
            cls.variable(field.name): f"{field.metadata['help'].removesuffix('.')} (default: {field.default:,.16g})."
            for field in fields(cls)
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings with the values of `NEXTWORD_SERVE_...`."""
        kinds: dict[str, Any] = get_type_hints(cls)
        _require_known(environment, list(cls.variables()))
        table: dict[str, Any] = {}
        for field in fields(cls):
            variable = cls.variable(field.name)
            if variable in environment:
                table[field.name] = _number(variable, environment[variable], kinds[field.name])
                try:
                    cls.from_table({field.name: table[field.name]})
                except SettingError as error:
                    raise SettingError(f"{error}; correct `{variable}` or unset it") from error
        return cls.from_table(table)


def _require_known(environment: Mapping[str, str], known: list[str]) -> None:
    for name in environment:
        # Kubernetes sets variables of these two forms for a service that is called nextword-serve.
        is_of_kubernetes = name.startswith((f"{_PREFIX}SERVICE_", f"{_PREFIX}PORT"))
        if name.startswith(_PREFIX) and name not in (*known, API_KEYS_VARIABLE) and not is_of_kubernetes:
            raise SettingError(unknown_name("variable of the service", name, [*known, API_KEYS_VARIABLE]))


def _number(variable: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise SettingError(f"`{variable}` must be {what}, but is {text[:40]!a}; correct it or unset it") from error
