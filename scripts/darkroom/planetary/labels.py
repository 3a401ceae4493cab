"""Conditions on labels: keyword -> the value, or one of the values, that it must have.

A keyword is `KEYWORD`, wherever in the label it stands first, or `Group.KEYWORD`. A value is a number, or a text in any
case with the wildcards of file names (*, ?, [abc]).
"""

import fnmatch

from darkroom.planetary.formats import pvl


def fits(label, conditions):
    """Whether a label meets all conditions; a keyword that is missing does not."""
    return all(is_one_of(value_of(label, keyword), values) for keyword, values in conditions.items())


def value_of(label, path):
    """A value of a label by its path, None when it is missing."""
    *groups, keyword = path.split(".")
    for group in groups:
        label = label.get(group) if label is not None else None
    if label is None or keyword in label or groups:
        return None if label is None else label.get(keyword)
    inner = (value_of(block, keyword) for _, block in label.items() if isinstance(block, pvl.Block))
    return next((value for value in inner if value is not None), None)


def is_one_of(value, condition):
    """Whether a value is one of those of a condition; a missing one never is."""
    return value is not None and any(_equals(text(value), pattern) for pattern in alternatives(condition))


def alternatives(condition):
    """The values of a condition as a list."""
    return list(condition) if isinstance(condition, list | tuple) else [condition]


def text(value):
    """A value of a label as text, without its unit; those of a sequence have blanks between them."""
    if isinstance(value, pvl.Quantity):
        return text(value.value)
    return " ".join(map(text, value)) if isinstance(value, tuple) else str(value).strip()


def _equals(text, pattern):
    if not isinstance(pattern, str):
        try:
            return float(text) == pattern
        except ValueError:
            return False
    return fnmatch.fnmatchcase(text.upper(), pattern.upper())
