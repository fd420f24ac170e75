"""A click group that imports a command's file when the command is asked for, not before."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from sepdiar.cli.say import broken_pipe
from sepdiar.errors import USAGE


class Group(click.Group):
    """Commands that belong together."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but without a command the help is shown as it is."""
        if not args:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)


class Commands(Group):
    """Commands named in a table: command -> file of this package that holds a click command of that name."""

    def __init__(self, *positional: Any, modules: Mapping[str, str], **named: Any) -> None:
        super().__init__(*positional, **named)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is the order in which a newcomer needs them."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its file imported now."""
        if cmd_name not in self.modules:
            return None
        command = getattr(import_module(f"sepdiar.cli.{self.modules[cmd_name]}"), cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            raise TypeError(f"sepdiar.cli.{self.modules[cmd_name]}.{cmd_name} is not a command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whoever stops reading its output ends it in silence, as he ends every other program."""
        try:
            result = super().invoke(ctx)
            if sys.stdout:  # which a parent may have closed
                sys.stdout.flush()
        except BrokenPipeError:
            ctx.exit(broken_pipe())
        return result

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a mistyped command is answered with the one that was probably meant."""
        if args and args[0] not in self.modules and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.modules, 1)
            meant = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(self.modules)}"
            raise click.UsageError(f"No such command '{args[0]}'.{meant}", ctx)
        return super().resolve_command(ctx, args)
