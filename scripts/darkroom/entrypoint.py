"""Run one plain function from a Snakemake rule or from a command line.

A script ends in two lines::

    if __name__ == "__main__":
        entrypoint.run(atlas_chunk, globals().get("snakemake"))

In a rule the function's parameters are the rule's named inputs, outputs and params (and `threads`, `mem_mb`, where it
asks for them). On a command line, parameters before `*` are positional, those after it become `--options`.
"""

import argparse
import functools
import inspect
import json
import logging
import os
import sys
import types
import typing
from pathlib import Path

from darkroom import memory

LINE = "%(asctime)s %(levelname)s %(message)s"


def run(function, snakemake=None, argv=None):
    """Call `function` with the rule's named files and params, or with those of the command line.

    An expected failure (bad input, no room, a server that gives up) is one line on the terminal and exit status 1;
    the traceback goes to the rule's log.
    """
    if snakemake is None:
        logging.basicConfig(stream=sys.stderr, format=LINE, level="INFO")
        given = vars(parser(function).parse_args(argv))
    else:
        log = {"filename": snakemake.log[0], "filemode": "w"} if snakemake.log else {"stream": sys.stderr}
        logging.basicConfig(**log, format=LINE, level="INFO")
        given = rule_arguments(function, snakemake)
        memory.watch(getattr(snakemake.resources, "mem_mb", None), functools.partial(outgrown, snakemake.rule))
    logging.captureWarnings(True)
    try:
        result = function(**given)
    except (Exception, KeyboardInterrupt) as error:
        logging.error("%s failed", function.__name__, exc_info=snakemake is not None)
        say(f"{function.__name__}: {message(error)}", among_others=snakemake is not None)
        sys.exit(1)
    if snakemake is not None:
        logging.info("peak of memory: %d MB, and %d MB of the largest process that it started", *memory.peak())
    return result


def outgrown(rule, line):
    """End this process, whatever it is about, as it has more memory than its rule declares."""
    line = f"{line}; ask for more: --set-resources {rule}:mem_mb=..., or look whether a file says that it is huge"
    logging.error("%s", line)
    say(f"{rule}: {line}")
    logging.shutdown()
    os._exit(1)


def say(line, among_others=True):
    """One line on the terminal in one piece: `print` and `sys.exit` write its end apart, and jobs share a terminal.

    among_others -- whether Snakemake may be in the midst of a line, whose end it writes apart; that comes first then
    """
    sys.stderr.write(f"\n{line}\n" if among_others else f"{line}\n")
    sys.stderr.flush()


def message(error):
    """One line that says what went wrong; the type is named only where the text alone would not be understood."""
    text = " ".join(str(error).split())
    return text if isinstance(error, (ValueError, OSError)) and text else f"{type(error).__name__}: {text}"


def rule_arguments(function, snakemake):
    """Named inputs, outputs and params of a rule as keyword arguments."""
    given = {}
    for group in (snakemake.input, snakemake.output, snakemake.params):
        given |= {name: _plain(value) for name, value in group.items()}
    parameters = inspect.signature(function).parameters
    if "threads" in parameters:
        given["threads"] = snakemake.threads
    if "mem_mb" in parameters:
        given["mem_mb"] = snakemake.resources.mem_mb
    for name, value in given.items():
        if name in parameters and _without_none(parameters[name].annotation) is Path:
            given[name] = Path(value) if value != [] else None  # an input function that gave no file
    return given


def _plain(value):
    """Snakemake's own list types as a list of strings."""
    return value if isinstance(value, (str, dict)) or not hasattr(value, "__iter__") else list(value)


def parser(function):
    """Command line of a function, read from its signature and docstring."""
    summary, _, details = inspect.getdoc(function).partition("\n")
    line = argparse.ArgumentParser(
        prog=f"darkroom {function.__name__}",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, parameter in inspect.signature(function).parameters.items():
        kind, extra = _argument(parameter.annotation)
        if parameter.kind is not parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            line.add_argument(name, **kind)
            continue
        required = parameter.default is parameter.empty
        line.add_argument(
            "--" + name.replace("_", "-"),
            dest=name,
            required=required,
            default=None if required else parameter.default,
            **kind,
            **extra,
        )
    return line


def _argument(annotation):
    """How argparse reads a parameter of this type: (for any argument, for options only)."""
    annotation = _without_none(annotation)
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}, {}
    if annotation is dict:
        return {"type": _json_object}, {"metavar": "JSON"}
    if typing.get_origin(annotation) is list or annotation is list:
        return {"nargs": "*"}, {}
    return {"type": annotation}, {}


def _without_none(annotation):
    """The type of an optional parameter."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(kind for kind in typing.get_args(annotation) if kind is not type(None))
    return annotation


def _json_object(text):
    value = json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('needs a JSON object, such as {"type": "image"}')
    return value
