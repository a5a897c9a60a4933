from . import (
    test_business_approval,
    test_business_company,
    test_business_deal,
    test_business_expense,
    test_business_flow,
    test_business_ledger,
    test_business_payment,
    test_business_scale,
    test_business_time,
    test_operations,
    test_tours,
    test_views,
)
