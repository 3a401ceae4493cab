"""Loops over numbers, compiled by Numba when they are first called."""


def compiled(loop):
    """A function compiled, free of the interpreter's lock; kept on the disk where there is a place for it.

    It divides by zero as NumPy does: a test before each division would keep loops from the processor's vectors.
    """
    import numba  # takes a third of a second

    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(loop, **options, cache=True)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(loop, **options)
