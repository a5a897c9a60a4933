from odoo import models

from .sentence import _Params


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _check_sentence(self, code, params):
        """One line of a connection test: what was looked at and, if it is not as it should be, why."""
        _ = self.env._
        p = _Params(params)
        known = {
            "signed_in": _("Signed in"),
            "sign_in": _("Sign-in"),
            "account": _("Account %s", p["account_id"] or p["id"]),
            "read": _("May read: %s", p["scope"] or p["entity"]),
            "optional": _(
                "May not read: %s. It goes on without; what is missing then stands in its documentation",
                p["scope"] or p["entity"],
            ),
            "write": _("May write: %s", p["scope"] or p["entity"]),
            "clock": _("The clocks agree"),
            "role": _("Role of the account: %s", p["role"]),
            "feature": _("Feature: %s", p["feature"]),
            "webhook_secret": _("Signing secret of webhooks"),
            "mode": _("Environment (live or test) as set here"),
            "environment": _("The account is what is set here: production or sandbox"),
            "restricted_key": _("A restricted key is used"),
            "api_version": _(
                "API version %(version)s (the newest there is %(newest)s)",
                version=p["version"],
                newest=p["newest"],
            ),
            "quota": _(
                "Calls used of those of 24 hours: %(used)s of %(most)s",
                used=p["used"],
                most=p["most"],
            ),
            "accounts_found": _("Organisations that this sign-in reaches: %s", p["accounts"]),
            "ledger_words": _(
                "Words for the vocabularies, %(object)s: %(words)s",
                object=p["object"],
                words=p["words"],
            ),
            "calls_left": _("Calls left today: %s", p["left"]),
            "field_absent": _("%s does not exist there, or is hidden: it stays empty", p["field"]),
        }
        sentence = known.get(code) or self._sentence(code, params)
        reason = self._check_reason(p)
        return f"{sentence}: {reason}" if reason else sentence

    def _check_reason(self, p):
        """Why a line failed and what to do, by the connector's own code; nothing where the line says it all."""
        _ = self.env._
        return {
            "secret_missing": _("“%s” is missing. Enter it.", p["secret"]),
            "wrong_environment": _("the key or the address is of the other environment."),
            "other_account": _("the key is of another account than the one that is set here."),
            "other_instance": _(
                "it signed in to another address. Set the account's own address (My Domain) here."
            ),
            "not_approved": _(
                "the user is not allowed to use the app. Add its profile or permission set there."
            ),
            "no_run_as_user": _("the app has no user to run as. Choose one in its policies there."),
            "assertion_refused": _(
                "the signature was not taken. Compare the certificate, the user name and the clock."
            ),
            "bad_private_key": _("the private key cannot be read. Paste the whole RSA key again."),
            "reconnect": _("it was refused. Enter the secrets again."),
            "token_refused": _("it was refused. Compare client id and secret."),
            "token_invalid": _("the token is not known there. Enter it again."),
            "token_expired": _("the token has expired."),
            "key_invalid": _("the key is not known there. Enter it again."),
            "key_expired": _("the key has expired. Enter a new one."),
            "object_hidden": _("the user does not see it. Give it access there."),
            "field_missing": _("the field does not exist there, or is hidden. Create it."),
            "field_read_only": _("the user may not change the field. Give it access there."),
            "missing_scopes": _("the app was not given this scope. Connect it again with it."),
            "account_not_set": _("the account number is missing. Enter it."),
            "ledger_not_allowed": _("the user who connected has no access. Give it access there."),
            "ledger_subscription": _("the subscription has ended or is not paid."),
            "api_disabled": _("the API is switched off for this account."),
        }.get(p["error"], "")
