"""What all doors do first: read no more than they may."""

from odoo.http import request
from werkzeug.exceptions import RequestEntityTooLarge


def read_body(types, most):
    """The body of this request.

    :return: ``(bytes, None)``, or ``(None, status)`` if it is of another kind or too large.
    """
    httprequest = request.httprequest
    if httprequest.content_encoding or httprequest.mimetype not in types:
        return None, 415
    try:
        # A chunked body over the limit would be cut silently: one byte more than allowed tells.
        body = httprequest.get_data(cache=False)
    except RequestEntityTooLarge:
        return None, 413
    return (body, None) if len(body) <= most else (None, 413)
