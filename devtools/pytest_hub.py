"""A pytest plugin for the project's own runs: a test that finds no browser fails, it is not skipped in silence."""

import pytest

from . import browser


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn Odoo's "Chrome executable not found" skip into a failure that says what to do."""
    report = yield
    if report.skipped and call.excinfo and "chrom" in str(call.excinfo.value).lower():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs Chromium: {call.excinfo.value} {browser.ADVICE}"
    return report
