"""What all commands share: quiet and debug options, grouped help, errors on one line."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from hyperspy_smartalign.parameters import ParameterError

# Raised on purpose, with a message for the user. Others are faults of ours or of a library.
_EXPECTED = (ValueError, TypeError, OSError, NotImplementedError, MemoryError)

_QUIET = click.Option(["-q", "--quiet"], is_flag=True, help="Print errors and warnings only.")
_DEBUG = click.Option(["--debug"], is_flag=True, help="Show where an error comes from.")


class Command(click.Command):
    """A command with --quiet and --debug, that fails with one line and exit code 1.

    An option with an attribute `section` is listed in the help under that heading.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params += [_QUIET, _DEBUG]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors become one line, unless --debug is given."""
        debug = ctx.params.pop("debug")
        ctx.obj = Reporter(quiet=ctx.params.pop("quiet"))
        try:
            with _warnings_on_one_line(), _silent_reader(debug):
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click knows what to do with these
        except Exception as error:
            if debug:
                raise
            if isinstance(error, ParameterError):
                raise click.UsageError(_one_line(error), ctx) from error
            raise click.ClickException(_described(error)) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class Reporter:
    """What a command says while it works.

    Parameters
    ----------
    quiet : bool
        Say nothing about progress, and print no results.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    @property
    def show_progressbar(self) -> bool:
        """Progress bars are for people who watch."""
        return not self.quiet and sys.stderr.isatty()

    def progress(self, text: str) -> None:
        """Say on stderr what is going on."""
        if not self.quiet:
            click.echo(text, err=True)

    def result(self, text: str) -> None:
        """Print a result on stdout."""
        if not self.quiet:
            click.echo(text)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Send what libraries print while they work to stderr; stdout is for results."""
        with contextlib.redirect_stdout(sys.stderr):
            yield


@contextlib.contextmanager
def _silent_reader(debug: bool) -> Iterator[None]:
    """Keep HyperSpy's reader from logging, in several lines, the error that is raised too."""
    logger = logging.getLogger("hyperspy.io")
    level = logger.level
    if not debug:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _described(error: Exception) -> str:
    if isinstance(error, _EXPECTED):
        return _one_line(error) or type(error).__name__
    return f"{type(error).__name__}: {_one_line(error)} (add --debug to see where)"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextlib.contextmanager
def _warnings_on_one_line() -> Iterator[None]:
    """Print warnings meant for users as one line each, and each once."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        # HyperSpy tells users of its deprecations; whoever types a command can do nothing.
        if text not in seen and "Deprecation" not in category.__name__:
            seen.add(text)
            click.echo(f"Warning: {text}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
