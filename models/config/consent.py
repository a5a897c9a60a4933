import base64
import hashlib
import secrets
import uuid
from datetime import timedelta
from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import hmac

from ...connectors.errors import ConnectorError

MINUTES = 10  # that a person has to sign in


class HubConsent(models.TransientModel):
    """A person has gone to a product's page to let us in, and is expected back."""

    _name = "hub.consent"
    _description = "Consent Under Way"
    _transient_max_hours = 1.0

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade")
    # Only its digest: what is read here lets nobody in.
    state = fields.Char(required=True, index=True)

    @api.model
    def _begin(self, system):
        """The address of the product's page for one system.

        The word ``state`` goes there and back: it proves that the answer is to this person's question. The
        challenge binds the code to it (RFC 7636, recommended for apps with a secret too by RFC 9700; a product
        that does not know it ignores it by RFC 6749, 3.1).
        """
        word = secrets.token_urlsafe(32)
        self.create({"system_id": system.id, "state": self._digest(word)})
        consent = system._connector_class().consent
        query = {
            "response_type": "code",
            "client_id": system.client_id,
            "redirect_uri": system.redirect_url,
            "scope": " ".join(consent.scopes),
            "state": word,
            "code_challenge": _challenge(self._verifier(word)),
            "code_challenge_method": "S256",
        }
        return f"{consent.url}?{urlencode(query)}"

    @api.model
    def _take(self, word):
        """The system that this user went to sign in for; each word counts once.

        :raise UserError: nobody went, somebody else did, or it is too long ago.
        """
        since = fields.Datetime.now() - timedelta(minutes=MINUTES)
        found = self.search(
            [
                ("state", "=", self._digest(word)),
                ("create_uid", "=", self.env.uid),
                ("create_date", ">=", since),
            ]
        )
        system = found.system_id
        found.unlink()
        if not system:
            raise UserError(
                self.env._(
                    "This sign-in was not begun by you, was used already, or took longer than %s minutes. Begin it "
                    "again on the system's page.",
                    MINUTES,
                )
            )
        return system

    @staticmethod
    def _digest(word):
        return hashlib.sha256(word.encode()).hexdigest()

    @api.model
    def _verifier(self, word):
        """What proves to the product that a code is ours: known to this database alone, and kept nowhere."""
        # sudo: Odoo's helper reads the database's own secret, which no user may read
        return hmac(self.env(su=True), "hub.consent", word)


def _challenge(verifier):
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class HubSystem(models.Model):
    _inherit = "hub.system"

    asks_consent = fields.Boolean(compute="_compute_asks_consent")
    redirect_url = fields.Char(
        compute="_compute_asks_consent",
        string="Redirect Address",
        help="Enter it in the product's app as its redirect URI.",
    )

    @api.depends("product")
    def _compute_asks_consent(self):
        for system in self:
            system.asks_consent = bool(system.product and system._class_of(system.product).consent)
            system.redirect_url = f"{self._public_url()}/hub/oauth/return"

    def action_sign_in(self):
        """Go to the product's page, where a person lets the hub in."""
        self.ensure_one()
        self.check_access("write")
        if not self.client_id or not self.credential_ids.filtered(
            lambda one: one.name == "client_secret" and one.is_set
        ):
            raise UserError(
                self.env._(
                    "Enter the OAuth client ID and store the client secret of your app in %(product)s first. The app "
                    "has to know this redirect address: %(address)s",
                    product=self.product_label,
                    address=self.redirect_url,
                )
            )
        return {
            "type": "ir.actions.act_url",
            "target": "self",
            "url": self.env["hub.consent"]._begin(self),
        }

    def _admit(self, code, verifier, account):
        """Take the code that a consent has brought: tokens and, if it is not known, the account.

        :param verifier: what the consent's challenge was made of.
        :param account: what the product says whose consent it is, or None.
        :raise UserError: it is another account's, the product refuses the code, or tokens are being renewed.
        """
        self.ensure_one()
        self.check_access("write")
        self.env["hub.epoch"]._require()
        if account and self.account_ref and account != self.account_ref:
            raise UserError(
                self.env._(
                    "You let the hub into account %(found)s, but this system is of account %(wanted)s. Nothing was "
                    "stored: sign in again and choose that one, or change the system's account.",
                    found=account,
                    wanted=self.account_ref,
                )
            )
        tokens, me = self.env["hub.token"], uuid.uuid4().hex
        if not tokens._lease(self, me):
            raise UserError(
                self.env._(
                    "The tokens of this system are being renewed just now: sign in again in a minute."
                )
            )
        try:
            known = self.env["hub.credential"]._read_all(self)
            answer = self._connector_with(
                {name: values[0] for name, values in known.items()}
            ).admit(code, self.redirect_url, verifier)
        except ConnectorError as error:
            tokens._release(self, me)
            params = {**error.params, "status": error.status, "code": error.code}
            raise UserError(
                self.env["hub.sentence"]._sentence(f"error_{error.kind}", params)
            ) from None
        tokens._admit(self, answer, me)
        if not self.account_ref:
            self.account_ref = account or self._found_account(answer)
        self._audit("consent", {"account": self.account_ref or ""})

    def _found_account(self, answer):
        try:
            return self._connector_with({"access_token": answer.access}).admitted_account()
        except ConnectorError:
            return False  # a person enters it; the connection test says what is missing
