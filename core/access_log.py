"""What stands in the access log of a web server: no address of ours that is a secret in itself."""

import logging
import re

# Also inside another address, as where a page of sign-in is told where to go afterwards.
_SLASH = r"(?:/|%(?:25)*2F)+"
_SECRET = re.compile(
    rf"({_SLASH}hub{_SLASH}(?:webhook{_SLASH}|oauth{_SLASH}return))[^\s\"]+", re.IGNORECASE
)


class Discreet(logging.Filter):
    """Cuts what follows the address of a webhook's door (its token) and of the way back from a consent
    (its code); the line itself stays, with status and time."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        cut = _SECRET.sub(r"\1…", text)
        if cut != text:
            record.msg, record.args = cut, ()
        return True
