from . import (  # isort: skip
    account_journal,
    account_move,
    account_move_credit,
    account_move_issued,
    account_move_ledger,
    account_move_line,
    account_move_times,
    account_partial_reconcile,
    account_payment,
    analytic_line,
    assignment,
    bank_import,
    bank_layout,
    bank_line,
    bank_match,
    bank_settle,
    billing,
    billing_batch,
    billing_batch_line,
    billing_batch_source,
    billing_carry_out,
    billing_clock,
    billing_enter,
    billing_finding,
    billing_propose,
    contract,
    contract_billing,
    contract_line,
    contract_start,
    contract_stated,
    contract_terms,
    contract_totals,
    agreement,  # extends contracts
    cost_rate,
    crm_lead,
    dispute,
    distinct,
    dunning_level,
    dunning_run,
    dunning_reminder,
    dunning_due,
    dunning_send,
    dunning_after,
    duplicate,
    duplicate_compare,
    duplicate_merge,
    duplicate_search,
    finance_batch,
    finance_batch_line,
    finance_batch_gather,  # extends the ones above
    handler_customer,
    handler_contact,  # inherits from the one above
    handler_employee,
    handler_expense,
    handler_generic,
    handler_known,
    handler_invoice,  # inherits from the one above
    handler_invoice_lines,
    handler_opportunity_check,
    handler_opportunity,  # extends the one above
    handler_opportunity_schedule,  # extends the one above
    handler_payment,
    handler_payment_book,
    handler_payment_match,
    handler_payment_sent,  # extends the ones above
    handler_dispute,  # inherits from the ones above
    handler_payout,  # inherits from the ones above
    handler_payout_book,  # extends the one above
    handler_project,
    handler_project_in,  # extends the one above
    handler_receipt,
    handler_refund,
    handler_time_entry_check,
    handler_time_entry,  # extends the one above
    handler_time_entry_out,  # extends the one above
    hour_price,
    printed_quantity,
    invoice_check,
    invoice_checks,
    invoicing,
    issue_merge,
    lead_requests,
    matcher,
    partner_merge,
    payout_part,
    project,
    promise,
    purchase_order,
    receivable,
    under_way,  # extends the one above
    res_company,
    res_partner,
    sale_order,
    sale_order_line,
    instalment,  # extends milestones, order and invoice lines
    terms_apply,  # extends order lines
    retainer,
    retainer_period,
    retainer_statement,  # extends retainers
    retainer_apply,  # extends the terms
    statement,  # extends dunning
    credit_hold,  # extends dunning, deals and projects
    billing_turn,  # extends contracts with terms, and the ledger
    recurring_change,
    schedule_terms,  # extends contract lines
    instalment_order,  # extends instalments
    schedule_open,  # extends contracts and the ones above
    rate_card,  # extends agreements and contracts
    rate_apply,  # extends order lines, time, and the ledger
    write_off,  # extends the ledger
    correction,  # extends the one above
    acceptance,  # extends milestones and order lines
    revenue_terms,  # extends contracts
    revenue_line,
    revenue_finding,
    revenue_run,
    revenue_propose,  # extends the one above
    revenue_post,  # extends the one above
    sentences,
    tentative,  # extends deals, contracts and projects
    sentences_ledger,
    sentences_bank,
    smart_buttons,  # after every model that gets them
)
