"""JSON that files of an Inscopix acquisition end in, as the schema `inscopix` has it."""

from fractions import Fraction

from darkroom import schema


def wrong(said, section, where):
    """The first thing that is not as a section of the schema has it, told of `where`; None for what is right."""
    return next(schema.problems(said, schema.validator("inscopix", section), where), None)


def require(path, said, section, part):
    """Refuse what is said in a part of a file that is not as the schema has it."""
    if told := wrong(said, section, f"{path}: {part}"):
        raise ValueError(told)


def fraction(value):
    """A number that is told as {"num": 1, "den": 20}."""
    return Fraction(int(value["num"]), int(value["den"]))
