"""What is said of files that no reader can make sense of: one line that names the file."""

import contextlib

TELLING = (ValueError, FileNotFoundError, PermissionError)


def unreadable(path, kind, error):
    """The error of a file that is no `kind`, from what its reader says; what Python stumbles over tells little."""
    said = " ".join(str(error).split())
    if type(error).__module__ == "builtins" and not isinstance(error, (ValueError, OSError, EOFError)):
        said = f"its header is damaged, or says what no reader expects ({type(error).__name__}: {said})"
    return ValueError(f"{path} is no {kind} that can be read: {said}")


@contextlib.contextmanager
def named(path, kind):
    """Whatever a reader raises over a file within the block becomes the error of a file that is no `kind`.

    An error that is one line with the file's name stays as it is, and that there is no such file, or none for this
    user. Raises ValueError.
    """
    try:
        yield
    except Exception as error:
        is_one_line = isinstance(error, TELLING) and "\n" not in str(error)
        if is_one_line and (str(path) in str(error) or getattr(error, "names_file", False)):
            error.names_file = True  # also of another one, that was open within this one
            raise
        raise unreadable(path, kind, error) from error
