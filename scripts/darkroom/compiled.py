"""Loops over numbers, compiled by Numba when they are first called."""


def compiled(loop):
    """A function compiled, free of the interpreter's lock; kept on the disk where there is a place for it."""
    import numba  # takes a third of a second

    try:
        return numba.njit(loop, nogil=True, cache=True)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(loop, nogil=True)
