"""The beginning of a value, for a person: no more of it is written than is shown."""

from json.encoder import encode_basestring

MASK = "•••"  # in place of a value that the reader is not shown


def brief(value, limit: int) -> str:
    """A value as one line of text, JSON where it is a list or an object.

    :param limit: characters; what is longer ends with ``…``. A value of any size costs no more.
    """
    text = ""
    for piece in [value] if isinstance(value, str) else _pieces(value):
        text += piece[: limit + 1]
        if len(text) > limit:
            return text[:limit] + "…"
    return text


def _pieces(value):
    if isinstance(value, dict):
        yield "{"
        for place, (key, entry) in enumerate(value.items()):
            yield f"{',' if place else ''}{encode_basestring(str(key))}:"
            yield from _pieces(entry)
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for place, entry in enumerate(value):
            if place:
                yield ","
            yield from _pieces(entry)
        yield "]"
    elif isinstance(value, str):
        yield encode_basestring(value)
    elif value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    else:
        yield str(value)
