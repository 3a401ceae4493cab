"""URLs that hold secrets: how they are shown, and what stands in for a secret in a sheet.

Needs nothing but Python, as the rules look at the sheet with it too.
"""

import hashlib
import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

REMOTE = ("http://", "https://", "swift://")
# Keys of a query whose values are no secrets. Any other may be one: services invent new keys.
HARMLESS = re.compile(
    r"""(?ix) \$(count|expand|filter|format|orderby|search|select|skip|top)
    | dl | download | direct | raw | inline | attachment | export | force_?download | disposition | multipart-manifest
    | bands? | bbox | box | channel | collections? | concept | coverage(id)? | datasets? | elevation | identifier
    | instrument | lang(uage)? | layers? | levels? | mission | mode | orbit | param(eter)?s? | platform
    | polari[sz]ation | prefix | product(type|s)? | projection | region | request | res(olution)? | samples? | service
    | short_?name | site | station | styles? | subset | target | tile | type | v | var(iable)?s? | ver(sion)?
    | rev(ision)? | width | height | x | y | z | zoom | crs | srs
    | (start|end|begin|stop|from|to|until)?_?(date|time|datetime)s? | start | end | begin | stop | from | to | until
    | year | month | day | hour | period | interval | cycle | step | range
    | (min|max)?_?(lat|lon)(itude)? | north | south | east | west
    | ext(ension)? | (output_?)?format | file(name)?s? | name | path | dir | folder | part(number)?
    | count | delimiter | filter | limit | line | marker | max_?results | offset | order | page(_?size)? | q | query
    | rows | size | skip | sort(by|param|order)? | top | max_?records | exact_?count
    | fields | filter-(lang|crs) | geometry | ids | intersects | cloud_?cover | completion_?date | processing_?level"""
)
# Keys that are known to sign.
SIGNS = re.compile(
    r"""(?ix) sig(nature)?($|[^a-z]) | jwt | token | expires | policy | credential | secret | passw | hmac | hdnts
    | ticket | session | auth | ^x-(amz|goog)- | (^|[^a-z])(key|code|pwd|pw|sid)($|[^a-z]) | rlkey | resourcekey"""
)
NUMBER = re.compile(r"[0-9]{1,9}")  # of an `id`: a longer one may be what opens a file
# In a path, what follows such a folder opens a share to everyone who has it: letters and digits as nobody names files.
SHARE = re.compile(
    r"(?P<folder>/(?:s|sh|f|d|u|link|links|share|shares|shared|sharing|scl/f[io]|dav/files|file/d|folders)/)"
    r"(?P<key>(?=[^/]*[0-9])(?=[^/]*[A-Za-z])([A-Za-z0-9]{12,}|(?=[^/]*[a-z])(?=[^/]*[A-Z])[A-Za-z0-9_-]{12,}))(?=/|$)"
)
SESSION = re.compile(r"(;(?:jsessionid|phpsessid|sid)=)[^/?#]+", re.IGNORECASE)  # in a path
VARIABLE = re.compile(r"\$\{(\w+)\}")
_hidden, _hidden_folders = set(), set()  # what came from the environment: values of queries, folders of paths


def public_url(url):
    """The URL without user, password, fragment, and what may sign or authorize it.

    That is the value of every key of a query that is not known to be harmless, and of a path the key of a share, the
    id of a session, and what came from the environment.
    """
    parts = urlsplit(url)
    path = SESSION.sub(r"\1***", SHARE.sub(r"\g<folder>***", parts.path))
    path = "/".join("***" if folder in _hidden_folders else folder for folder in path.split("/"))
    query = "".join(_shown(part) for part in re.split(r"([&;])", parts.query))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, query, ""))


def identity(url):
    """What tells a URL from others: as `public_url` shows it, but with a digest in place of what it hides.

    Values that sign are left out, as they change from day to day.
    """
    hidden = [part for part in re.split("[&;]", urlsplit(url).query) if part and _shown(part) != part]
    asked = [part for part in hidden if not SIGNS.search(unquote(part.partition("=")[0]))]
    digest = hashlib.sha256("&".join(asked).encode()).hexdigest()[:16]
    return f"{public_url(url)}#{digest}" if asked else public_url(url)


def _shown(part):
    """A part of a query as anyone may see it."""
    key, equals, value = part.partition("=")
    name = unquote(key)
    harmless = HARMLESS.fullmatch(name) or (name.lower() == "id" and NUMBER.fullmatch(value))
    if part in ("", "&", ";") or (equals and not value) or (harmless and not _hidden & {value, part}):
        return part
    return f"{key}=***" if equals else "***"


def problem(urls):
    """What is wrong with URLs (with blanks between them) that are to stand in manifests, or "".

    They may hold a secret, or variables where none may be. What is no URL has no problem.
    """
    for url in (url for url in urls.split() if url.startswith(REMOTE)):
        own = VARIABLE.sub("", url).partition("#")[0]
        if public_url(own) != urlunsplit(urlsplit(own)):
            return (
                f"{public_url(own)}: has what may be a password, a signature or the key of a share, which the manifest "
                "would show to everyone; a password belongs in ~/.netrc; in place of every *** write ${NAME}, and put "
                "it into the environment"
            )
        if VARIABLE.search(url.partition("?")[0].rstrip("/").rpartition("/")[2]) or VARIABLE.search(
            urlsplit(url).netloc
        ):
            return f"{url}: ${{NAME}} may stand in a folder and behind the ? of a URL, but is not to name host or file"
    return ""


def with_variables(urls):
    """URLs with blanks between them, with variables of the environment in place of every `${NAME}`.

    Raises ValueError for a variable that is not set, and for what `problem` finds.
    """
    if wrong := problem(urls):
        raise ValueError(wrong)
    for url in urls.split():
        path, _, query = url.partition("?")
        for text, kept in ((path, _hidden_folders), (query, _hidden)):
            for name in VARIABLE.findall(text):
                if not os.environ.get(name):
                    raise ValueError(f"{urls}: {name} is not in the environment")
                kept.add(os.environ[name])
                kept.update(part.partition("=")[2] or part for part in re.split("[&;]", os.environ[name]))
    return VARIABLE.sub(lambda match: os.environ[match[1]], urls)
