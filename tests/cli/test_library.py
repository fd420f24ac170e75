"""The library says what the command line says, in the same words, with the same defaults."""

from __future__ import annotations

import inspect

import click
import pytest

import sepdiar
from sepdiar.cli import COMMANDS
from sepdiar.cli import sepdiar as front

OF_THE_TERMINAL = {"machine", "log_format"}  # --json and --log-format: how things are shown
OF_THE_LIBRARY = {"listen"}  # who is told: the display, on the command line
OPTIONAL_ON_THE_COMMAND_LINE = {("explain", "code")}  # without it, all are listed


def spelled() -> list[str]:
    """Every command as it is typed: `eval` and `models` hold others, as sepdiar.eval and sepdiar.models do."""
    context = click.Context(front)
    found = {name: front.get_command(context, name) for name in COMMANDS}
    inner = {name: command.list_commands(context) for name, command in found.items() if isinstance(command, click.Group)}
    return [name for name in COMMANDS if name not in inner] + [
        f"{name} {word}" for name, words in inner.items() for word in words
    ]


def command_of(typed: str) -> click.Command:
    found = front
    for word in typed.split():
        found = found.get_command(click.Context(found), word)
    return found


def function_of(typed: str):
    found = sepdiar
    for word in typed.split():
        found = getattr(found, word.replace("-", "_"))
    return found


def said_by_the_library(command: str) -> dict[str, object]:
    parameters = inspect.signature(function_of(command)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.name not in OF_THE_LIBRARY}


def said_by_the_command_line(command: str) -> dict[str, object]:
    """What the command hands on where only what is required was typed."""
    found = command_of(command)
    typed = [word for parameter in found.params if parameter.required for word in least(parameter)]
    received = found.make_context(command, typed).params
    required = {parameter.name: inspect.Parameter.empty for parameter in found.params if parameter.required}
    return {name: required.get(name, value) for name, value in received.items() if name not in OF_THE_TERMINAL}


def least(parameter: click.Parameter) -> list[str]:
    value = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "x"
    return [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]


@pytest.mark.parametrize("command", spelled())
def test_every_command_is_a_function_with_the_same_parameters(command):
    function, options = said_by_the_library(command), said_by_the_command_line(command)
    assert options.keys() == function.keys()
    for name, default in options.items():
        if (command, name) not in OPTIONAL_ON_THE_COMMAND_LINE:
            assert (default or None) == (function[name] or None), name


@pytest.mark.parametrize("command", spelled())
def test_every_function_explains_itself(command):
    assert (inspect.getdoc(function_of(command)) or "").partition("\n")[0].endswith((".", ":"))


def test_every_command_is_offered():
    assert set(COMMANDS) <= set(sepdiar.__all__)
    rooms = {"eval": sepdiar.eval, "models": sepdiar.models}
    assert {typed.replace("-", "_") for typed in spelled() if " " in typed} == {
        f"{name} {word}" for name in rooms for word in rooms[name].__all__
    }


def test_what_the_package_offers_is_there():
    assert set(sepdiar.__all__) <= set(dir(sepdiar))
    for name in sepdiar.__all__:
        assert getattr(sepdiar, name) is getattr(sepdiar, name)
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = sepdiar.nonesuch
