"""Columns of many rows as parameters of one statement."""


def array(values):
    """Values as the text of a PostgreSQL array, to be cast: ``%s::int[]``.

    One literal, where a list would become an expression for each of its values that PostgreSQL parses
    and analyses one by one.

    :param values: texts, numbers and None.
    """
    return f"{{{','.join(map(_element, values))}}}"


def _element(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
