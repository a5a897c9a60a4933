"""Billing approvers: asked about what waits for a decision."""

APPROVER = "lead_to_cash_hub.group_hub_billing_approver"


def ask_approvers(records, summary):
    """Give each billing approver of a record's company an activity about it.

    :param summary: ``function(record)``: what it says
    """
    for record in records:
        for user in record.company_id._hub_holders(APPROVER):
            record.activity_schedule(
                "mail.mail_activity_data_todo", user_id=user.id, summary=summary(record)
            )
