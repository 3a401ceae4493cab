"""YAML as people write it for us, read within bounds: no key twice, no aliases that multiply, no endless depth."""

from pathlib import Path

import yaml

DEEPEST = 40  # maps and lists in one another
REPEATED = 10  # times that the values of a text may come to with its aliases, beyond a few
FEW = 1000
BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, where it is there


def read(path):
    """The value of a YAML file in UTF-8. Raises ValueError naming file and line, OSError where it cannot be read."""
    return load(Path(path).read_bytes(), path)


def load(text, where):
    """The value of a YAML text; `where` is what a message calls it.

    Raises ValueError, naming the line, for what is no YAML, has a key twice, or comes to more than our bounds.
    """
    try:
        _require_shallow(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _require_small(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" line {mark.line + 1}" if mark else ""
        kind = "" if isinstance(error, _BoundError) else "not YAML: "
        raise ValueError(f"{where}{line}: {kind}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:  # no text, no date
        raise ValueError(f"{where}: not YAML in UTF-8: {' '.join(str(error).split())}") from None


class _BoundError(yaml.MarkedYAMLError):
    """YAML that is more than we take."""


class _Loader(BASE):
    """PyYAML's safe loader, but of two equal keys the second does not silently win."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in getattr(node, "value", ()):
            scalar = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if scalar in seen:
                raise _BoundError(problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark)
            if scalar and key.tag != "tag:yaml.org,2002:merge":
                seen.add(scalar)
        return super().construct_mapping(node, deep)


def _require_shallow(text):
    """Raise where brackets or indents go too deep, before anything of it is put together."""
    depth = 0
    for event in yaml.parse(text, BASE):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _BoundError(problem=f"more than {DEEPEST} levels deep", problem_mark=event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _require_small(root):
    """Raise where aliases make much of a short text: they stand for all of a value each time."""
    sizes = {}  # node -> values and levels that it stands for; None while it is looked into
    size, depth = _size(root, sizes)
    if size > REPEATED * len(sizes) + FEW or depth > DEEPEST:
        raise _BoundError(
            problem=f"with its aliases it comes to {size:,} values, {depth} levels deep", problem_mark=root.start_mark
        )


def _size(node, sizes):
    if id(node) not in sizes:
        sizes[id(node)] = None
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [one for pair in children for one in pair]
        below = [_size(child, sizes) for child in children]
        sizes[id(node)] = 1 + sum(size for size, _ in below), 1 + max((depth for _, depth in below), default=0)
    if sizes[id(node)] is None:
        raise _BoundError(problem="an alias stands for what it is in", problem_mark=node.start_mark)
    return sizes[id(node)]
