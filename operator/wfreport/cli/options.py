"""Options that commands share."""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

from wfreport.core.timing.durations import parse_duration

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

TABLE_FORMATS: Final = ("table", "wide", "json", "yaml", "name")
"""Output formats of a command that lists objects."""


class ClusterTarget(Struct, frozen=True):
    """The cluster and namespace that the user selected; None selects kubectl's default."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    def arguments(self, namespace: str) -> list[str]:
        """Return the options with which another command reaches the same cluster and this namespace."""
        options = {"-n": namespace, "--context": self.context, "--kubeconfig": self.kubeconfig}
        return [part for option, value in options.items() if value for part in (option, value)]


class Duration(click.ParamType[float]):
    """A duration such as 30m, converted to seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse a duration; an invalid one is a usage error."""
        try:
            return parse_duration(str(value)).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Vocabulary(click.Choice[str]):
    """A choice that ignores case. Unlike click's, it shows the words in errors and completion as they are declared."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words, case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the error for a word that is not in the vocabulary."""
        del ctx
        return f"{value!r} is not one of {', '.join(self.choices)}"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the words that start with ``incomplete`` in any case."""
        del ctx, param
        return [CompletionItem(word) for word in self.choices if word.lower().startswith(incomplete.lower())]


def completion(name: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a completer that imports ``complete_<name>`` of `wfreport.cli.sources.completion` only to complete."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        del parameter
        module = importlib.import_module("wfreport.cli.sources.completion")
        names: list[str] = getattr(module, f"complete_{name}")(context, incomplete)
        return names

    return complete


def cluster_options(function: FunctionT) -> Callable[..., Any]:
    """Add kubectl's ``--namespace``, ``--context`` and ``--kubeconfig``, passed as ``target``."""

    @functools.wraps(function)
    def with_target(
        *args: Any, namespace: str | None, context: str | None, kubeconfig: str | None, **kwargs: Any
    ) -> Any:
        return function(*args, target=ClusterTarget(namespace, context, kubeconfig), **kwargs)

    options = (
        click.option(
            "-n",
            "--namespace",
            metavar="NAME",
            help="Namespace. Default: the context's namespace.",
            shell_complete=completion("namespaces"),
        ),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current context."),
        click.option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, else ~/.kube/config."),
    )
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_target)


def output_option(*formats: str, description: str | None = None) -> Callable[[FunctionT], FunctionT]:
    """Add ``--output``, which defaults to the first format."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help=description
    )


def container_option(function: FunctionT) -> FunctionT:
    """Add ``--container``."""
    return click.option("-c", "--container", metavar="NAME", help="Container of the pod. Default: the step's own.")(
        function
    )


def color_option(function: FunctionT) -> FunctionT:
    """Add ``--color``."""
    return click.option(
        "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="Use colors."
    )(function)


def page_options(function: FunctionT) -> FunctionT:
    """Add the options of a report on a terminal: ``--color``, and ``--all`` as ``everything``."""
    everything = click.option(
        "--all", "everything", is_flag=True, help="List every step and log line on a terminal too."
    )
    return color_option(everything(function))
