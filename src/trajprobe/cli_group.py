"""What all commands of the command line share: their group, and how lines are printed."""

import click

from trajprobe.errors import visible

COMPLETION = (
    'Tab completion in bash: eval "$(_TRAJPROBE_COMPLETE=bash_source trajprobe)"; zsh_source and fish_source too.'
)


def show(text: str) -> None:
    """Prints lines, with what is not printable in them as escapes."""
    click.echo("\n".join(map(visible, text.split("\n"))))


class Group(click.Group):
    """Commands that help lists in the order of this file, which is that of the work."""

    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)
