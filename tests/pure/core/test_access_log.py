import logging

import pytest

from lead_to_cash_hub.core.access_log import Discreet


def logged(text, *arguments):
    record = logging.LogRecord("werkzeug", logging.INFO, "", 0, text, arguments, None)
    assert Discreet().filter(record), "the line itself stays"
    return record.getMessage()


@pytest.mark.parametrize(
    "address",
    [
        "/hub/webhook/SECRET",
        "/hub/webhook/SECRET?portal=1",
        "/en/hub//webhook/SECRET/more",
        "/hub/oauth/return?state=abc&code=SECRET",
        "/web/login?redirect=/hub/oauth/return%3Fstate%3Dabc%26code%3DSECRET",
        "/web/login?redirect=%2Fhub%2Foauth%2Freturn%3Fcode%3DSECRET",
        "/web/login?redirect=%252Fhub%252Foauth%252Freturn%253Fcode%253DSECRET",
        "https://hub.example/HUB/webhook/SECRET",
    ],
)
def test_a_secret_in_an_address_is_cut(address):
    line = logged(
        '127.0.0.1 - - [date] "%s" %s %s\n', f"\x1b[32mGET {address} HTTP/1.1\x1b[0m", 303, "-"
    )
    assert "SECRET" not in line and "abc" not in line
    assert " HTTP/1.1" in line and " 303 " in line


@pytest.mark.parametrize(
    "address", ["/hub/webhook/", "/hub/oauth/return", "/odoo/hub-systems/3?a=1", "/web/login"]
)
def test_other_addresses_stay(address):
    assert f"GET {address} HTTP" in logged('"%s" %s', f"GET {address} HTTP/1.1", 200)
