from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY


def apart(records, work, failed):
    """Do ``work`` for ``records`` together; what fails is halved until the one that fails stands alone.

    :param work: called with some of ``records``, in a savepoint
    :param failed: called with the one that failed and the error
    :return: those that failed
    """
    if not records:
        return records
    try:
        with records.env.cr.savepoint():
            work(records)
            return records.browse()
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise  # a savepoint keeps the stale snapshot: all of it begins again
    except Exception as error:
        why = error
    records.env.invalidate_all()
    if len(records) > 1:
        middle = len(records) // 2
        return apart(records[:middle], work, failed) | apart(records[middle:], work, failed)
    failed(records, why)
    return records
