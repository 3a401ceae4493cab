"""A recipe's first two steps in one: products in a folder become a stack."""

import copernicus_safe
from darkroom.copernicus import stack, variants
from darkroom.copernicus.recipes.registry import method


def project(name, folder, target, recipe, **options):
    """Describe and project the products in a folder by a method; gives the times and the stack."""
    variant, how = variants.known()[recipe], method(name)
    assert not list(how.problems(variant, options))
    times = how.describe(copernicus_safe.inventory(folder), variant, options)
    with stack.writing(target, times.grid, times.begins, times.products, times.layers, {"comment": ""}) as put:
        how.fill(times, variant, options, put)
    return times, stack.Stack(target)
