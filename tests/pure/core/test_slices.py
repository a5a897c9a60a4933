from lead_to_cash_hub.core.slices import CLAIM, FIRST, LEAST, MOST, Costs


def test_a_kind_that_nobody_has_seen_begins_small():
    assert Costs().size("customer", 0.5) == FIRST


def test_a_batch_fills_its_time():
    costs = Costs()
    costs.took("customer", 100, 0.1)  # a millisecond each
    assert costs.size("customer", 0.5) == 500
    assert costs.size("customer", 0.1) == 100
    assert costs.size("deal", 0.5) == FIRST


def test_a_dear_batch_counts_at_once_and_a_cheap_one_by_and_by():
    costs = Costs()
    costs.took("deal", 100, 0.1)
    costs.took("deal", 100, 5.0)
    assert costs.size("deal", 0.5) == 10
    sizes = []
    for _turn in range(8):
        costs.took("deal", 100, 0.1)
        sizes.append(costs.size("deal", 0.5))
    assert sizes == sorted(sizes) and sizes[0] < 25 and 400 < sizes[-1] <= 500


def test_a_batch_is_never_empty_nor_endless():
    costs = Costs()
    costs.took("deal", 1, 60.0)
    assert costs.size("deal", 0.5) == LEAST
    assert costs.size("deal", -1.0) == LEAST
    costs.took("customer", 1000, 0.000001)
    assert costs.size("customer", 0.5) == MOST


def test_a_batch_in_which_nothing_was_written_says_nothing():
    costs = Costs()
    costs.took("customer", 0, 3.0)
    assert costs.size("customer", 0.5) == FIRST


def test_a_lane_claims_twice_what_its_last_slice_came_to():
    costs = Costs()
    assert costs.claim("batch") == CLAIM
    costs.decided("batch", 400)
    assert costs.claim("batch") == 800
    assert costs.claim("real time") == CLAIM
    costs.decided("batch", 3)
    assert costs.claim("batch") == CLAIM
