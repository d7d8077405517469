"""What all commands of the command line share: groups, help with examples, and how results are printed."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from trajprobe.errors import visible
from trajprobe.inspection.listing import Listing

COMPLETION = """\
Tab completion, of commands and of the names in params.yaml, in this shell: eval "$(_TRAJPROBE_COMPLETE=bash_source \
trajprobe)"; in zsh and fish with zsh_source and fish_source. In ~/.bashrc it is there for good."""
#: Letters of a line of help at most.
WIDTH = 100
#: A command as it is typed, and what it does.
Example = tuple[str, str]

json_option = click.option("--json", "as_json", is_flag=True, help="Print the same facts as JSON, for a script.")


def show(text: str) -> None:
    """Prints lines, with what is not printable in them as escapes."""
    click.echo("\n".join(map(visible, text.split("\n"))))


def show_json(facts: Any) -> None:
    """Prints facts for a script: letters that are not ASCII, and what is not printable, are escapes of JSON."""
    click.echo(json.dumps(facts, indent=2))


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def show_parts(parts: Iterable[str | Listing]) -> None:
    """Prints lines of text, and columns between them."""
    for part in parts:
        if isinstance(part, str):
            show(part)
        elif is_terminal():
            part.draw()
        else:
            click.echo("\n".join(part.plain()))


class Option(click.Option):
    """An option; `section` is the heading that help lists it below."""

    def __init__(self, *arguments: Any, section: str = "Options", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


class Command(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *arguments: Any, examples: Sequence[Example] = (), **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options below the headings of their sections."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            heading = getattr(parameter, "section", "Options")
            if isinstance(parameter, click.Argument):
                continue
            if record := parameter.get_help_record(ctx):
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples: each command as it is typed, never wrapped, and below it what it does."""
        if self.examples:
            with formatter.section("Examples"):
                for command, meaning in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{command}\n")
                    with formatter.indentation(), formatter.indentation():
                        formatter.write_text(meaning)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """Commands that help lists in the order of this file, which is that of the work."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)
