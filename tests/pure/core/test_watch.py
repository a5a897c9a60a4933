from lead_to_cash_hub.core.watch import Facts, judge


def test_nothing_is_expected_and_nothing_is_wrong():
    assert judge(Facts()) is None
    assert judge(Facts(poll_silence=None, lag=1e9, quiet=1e9, empty_runs=99)) is None


def test_limits_are_reached_only_when_they_are_passed():
    assert judge(Facts(lag=60, lag_limit=60)) is None
    assert judge(Facts(lag=61, lag_limit=60)) == ("lagging", 61)
    assert judge(Facts(quiet=7200, quiet_limit=7200)) is None
    assert judge(Facts(quiet=7201, quiet_limit=7200)) == ("quiet", 7201)
    assert judge(Facts(empty_runs=2, empty_limit=3)) is None
    assert judge(Facts(empty_runs=3, empty_limit=3)) == ("empty_runs", 3)
    assert judge(Facts(poll_silence=901, poll_limit=900)) == ("poll_silent", 901)


def test_the_cause_comes_before_what_follows_from_it():
    everything = {"lag": 99, "lag_limit": 1, "quiet": 99, "quiet_limit": 1}
    assert judge(Facts(**everything)) == ("lagging", 99)
    assert judge(Facts(poll_silence=99, poll_limit=1, **everything)) == ("poll_silent", 99)
