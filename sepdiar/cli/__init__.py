"""The command line: thin, the only place that prints. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from sepdiar.cli.group import Commands
from sepdiar.cli.say import refusal
from sepdiar.errors import DONE, SepdiarError, from_os_error, without_secrets

COMMANDS = {
    "process": "run",
    "status": "run",
    "retry": "run",
    "verify": "run",
    "report": "run",
    "separate": "one",
    "diarize": "one",
    "transcribe": "one",
    "simulate": "data",
    "score": "data",
    "validate": "data",
    "eval": "eval",
    "backends": "about",
    "recipes": "about",
    "models": "models",
    "doctor": "about",
    "explain": "about",
}


@click.group(cls=Commands, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sepdiar", message="sepdiar %(version)s")
def sepdiar() -> None:
    """Mono conversations into two-channel training data, one speaker a channel, with the error measured.

    \b
      sepdiar process podcasts/ --out RUN     every recording under podcasts/ into RUN
      sepdiar diarize talk.mp3                who speaks when, as RTTM on stdout
      sepdiar doctor                          whether this machine has what is needed
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; nobody sees a traceback unless SEPDIAR_DEBUG is set."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold what the terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        code = sepdiar.main(arguments, prog_name="sepdiar", standalone_mode=False)
    except (SepdiarError, click.ClickException, OSError) as error:
        if os.environ.get("SEPDIAR_DEBUG"):
            click.echo(without_secrets(traceback.format_exc()), err=True)
        code = refusal(_as_ours(error))
    except (click.Abort, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it has been heard
        code = refusal(SepdiarError("SD903"))
    sys.exit(code if isinstance(code, int) else DONE)


def _as_ours(error: SepdiarError | click.ClickException | OSError) -> SepdiarError:
    if isinstance(error, SepdiarError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error)
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "sepdiar"
    return SepdiarError("SD200", error.format_message().rstrip("."), where=command, hint=f"{command} --help")
