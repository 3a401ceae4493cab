"""URLs that hold secrets: how they are shown, and what stands in for a secret in a sheet.

Needs nothing but Python, as the rules look at the sheet with it too.
"""

import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

REMOTE = ("http://", "https://", "swift://")
# Keys of a query whose values may sign or authorize it: whole words of theirs.
SECRET = re.compile(
    r"""(?ix) (^|[^a-z]) (
        sig(nature)? | jwt | pwd | pass(word|wd|code|phrase)? | auth(orization)? | cred(ential)?s? | expires | policy
        | session(id)? | (aws)?accesskeyid
        | ((access|api|app|auth|client|id|private|refresh|secret|security|session)[_-]?)?(key|token|secret)
    ) ($|[^a-z]) | ^x-(amz|goog)- | ^code$"""
)
PAIR = re.compile(r"([^&;=]*)=([^&;]*)")  # of a query
VARIABLE = re.compile(r"\$\{(\w+)\}")
_hidden = set()  # values of queries that came from the environment


def public_url(url):
    """The URL without user, password, fragment and the values of query keys that may sign or authorize it."""
    parts = urlsplit(url)

    def shown(pair):
        secret = pair[2] in _hidden or SECRET.search(unquote(pair[1]))
        return f"{pair[1]}=***" if pair[2] and secret else pair[0]

    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, PAIR.sub(shown, parts.query), ""))


def problem(urls):
    """What is wrong with URLs (with blanks between them) that are to stand in manifests, or "".

    They may hold a secret, or variables where none may be. What is no URL has no problem.
    """
    for url in (url for url in urls.split() if url.startswith(REMOTE)):
        own = VARIABLE.sub("", url).partition("#")[0]
        if public_url(own) != urlunsplit(urlsplit(own)):
            return (
                f"{public_url(url)}: has a password or a signature, which the manifest would show to everyone; a "
                "password belongs in ~/.netrc; in place of a signature write ${NAME}, and put it into the environment"
            )
        if VARIABLE.search(url.partition("?")[0]):
            return f"{url}: ${{NAME}} may stand behind the ? of a URL alone"
    return ""


def with_variables(urls):
    """URLs with blanks between them, with variables of the environment in place of every `${NAME}` of their queries.

    Raises ValueError for a variable that is not set, and for what `problem` finds.
    """
    if wrong := problem(urls):
        raise ValueError(wrong)
    for name in VARIABLE.findall(urls):
        if not os.environ.get(name):
            raise ValueError(f"{urls}: {name} is not in the environment")
        _hidden.update([os.environ[name], *(pair[2] for pair in PAIR.finditer(os.environ[name]))])
    return VARIABLE.sub(lambda match: os.environ[match[1]], urls)
