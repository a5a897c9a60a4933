from . import billing_run, resolve
