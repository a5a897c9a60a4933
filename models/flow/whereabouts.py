"""Country and business unit of records, found through customer and project, a batch at a time."""

from ..config.process import PLACED_BY

# How records of Odoo lead to a partner and to a sales team.
_PARTNER = {"res.partner": "", "crm.lead": "partner_id", "project.project": "partner_id"}


class Whereabouts:
    """Where the records of one entity are.

    :param env: of the system's technical user: what it cannot read is nowhere.
    :attr placed: whether they are anywhere at all; of payments nobody can tell before they are matched.
    """

    def __init__(self, env, entity):
        self.env, self.model = env, entity.model_name
        self.placed = not PLACED_BY.isdisjoint(entity.field_ids.mapped("name"))

    def of(self, rows):
        """:param rows: ``{key: (record id or None, canonical values with references as Odoo ids)}``
        :return: ``{key: (country id or None, team id or None)}``; a query a model.
        """
        if not self.placed:
            return dict.fromkeys(rows, (None, None))
        records = self._browse(self.model, (res_id for res_id, _values in rows.values()))
        partners = self._browse("res.partner", (v.get("customer") for _id, v in rows.values()))
        projects = self._browse("project.project", (v.get("project") for _id, v in rows.values()))
        countries = self._countries(values.get("country") for _id, values in rows.values())
        owners = self._owners(rows)
        return {
            key: self._place(values, records.get(res_id), partners, projects, countries, owners)
            for key, (res_id, values) in rows.items()
        }

    def _place(self, values, record, partners, projects, countries, owners):
        project = projects.get(values.get("project"))
        partner = partners.get(values.get("customer"))
        country = countries.get(str(values.get("country") or "").casefold())
        if not country:
            own = self._partner_of(record)
            partner = partner or (project and project.partner_id) or own
            country = partner and (partner.country_id or partner.commercial_partner_id.country_id)
        team = (
            self._team_of(project) or self._team_of(record) or owners.get(values.get("owner_email"))
        )
        return (country.id if country else None, team.id if team else None)

    def _partner_of(self, record):
        path = _PARTNER.get(self.model)
        if path is None or not record:
            return None
        return record[path] if path else record

    def _team_of(self, record):
        if not record:
            return None
        if record._name == "project.project":
            return record.reinvoiced_sale_order_id.team_id or record.sale_order_id.team_id
        return record.team_id if "team_id" in record._fields else None

    def _browse(self, model, ids):
        """Records by id, of those that are there and may be read."""
        ids = {key for key in ids if isinstance(key, int) and not isinstance(key, bool)}
        if not ids or not model:
            return {}
        return {r.id: r for r in self.env[model].browse(ids).exists()._filtered_access("read")}

    def _countries(self, words):
        """Countries by what a source calls them: their code or their name."""
        words = {str(word) for word in words if word}
        if not words:
            return {}
        found = self.env["res.country"].search(
            ["|", ("code", "in", [word.upper() for word in words]), ("name", "in", list(words))]
        )
        by_word = {country.name.casefold(): country for country in found}
        return by_word | {country.code.casefold(): country for country in found if country.code}

    def _owners(self, rows):
        """Sales teams of the people whom new deals belong to, by their e-mail address."""
        mails = {values.get("owner_email") for _id, values in rows.values()} - {None, ""}
        if not mails:
            return {}
        # With sudo: in which team somebody sells is no secret of theirs; the technical user may not read users' teams.
        users = (
            self.env["res.users"]
            .sudo()
            .search(["|", ("login", "in", list(mails)), ("email_normalized", "in", list(mails))])
        )
        result = {}
        for user in users:
            for mail in {user.login, user.email_normalized} & mails:
                result[mail] = user.sale_team_id
        return result
