"""The CRM of a trial: what happens in it, and what must be true of each of its records in the end."""

import hashlib

CRM = {"company": "companies", "contact": "contacts"}
# What happens, how often of a hundred times. The rest changes a company or a contact.
SHARE = {"company": 15, "contact": 15, "delete": 2, "merge": 3}
LASTING = 0.7  # of the companies; the others may be deleted or merged, and have no contacts
POISONS = ("chaos-kill", "chaos-commit", "chaos-memory")
SLOW_POISON = "chaos-hang"  # takes Odoo minutes to kill so often


class Source:
    """Things happen here, one event each; it remembers what it did.

    :param sandbox: the :class:`sandbox.hubspot.HubSpotSandbox` that is changed
    :param rng: `random.Random` that decides
    :attr companies, contacts: ids that live, with the revision of each: `{"1001": 3}`
    :attr ended: ids that were deleted or merged away, by kind
    :attr merged: `[(survivor, ids that went into it)]`
    :attr poisoned: ids of companies that no longer can be written, with their last good revision
    :attr events: all that happened, as the CRM will tell it
    """

    def __init__(self, sandbox, rng):
        self.sandbox, self.rng = sandbox, rng
        self.companies, self.contacts = {}, {}
        self.ended = {"company": set(), "contact": set()}
        self.merged, self.poisoned, self.events = [], {}, []
        self.company_of, self._fixed, self._alone = {}, set(), set()

    # -- what happens ------------------------------------------------------------------------------

    def act(self, count):
        """So many things happen.

        :return: their events, in order
        """
        for _turn in range(count):
            self._once()
        return self.take()

    def take(self):
        """The events since the last call. What the hub itself wrote is told to nobody: its app did not
        subscribe to its own fields."""
        with self.sandbox.lock:
            pending, self.sandbox.sender.pending = self.sandbox.sender.pending, []
        told = [e for e in pending if not str(e.get("propertyName", "")).startswith("odoo_")]
        self.events += told
        return told

    def found(self, count):
        """So many companies are founded that last and never have contacts; answers their ids.

        Odoo writes a company's name on each of its contacts: without any it has as much to do for one at the
        end as at the start.
        """
        keys = [self._company(lasting=True) for _turn in range(count)]
        self._alone.update(keys)
        return keys

    def revise(self, ids):
        """Each of these companies gets a new name."""
        for key in ids:
            self.companies[key] += 1
            self._update("company", key, name=f"{word(key)} r{self.companies[key]}")

    def poison(self, key, name):
        """A company gets a name at which Odoo's modules misbehave."""
        self.poisoned[key] = self.companies.pop(key)
        self._update("company", key, name=f"{name} r9")

    def _once(self):
        kinds = {**SHARE, "change": 100 - sum(SHARE.values())}
        (name,), loose = self.rng.choices([*kinds], kinds.values()), self._loose()
        if name == "company":
            self._company(self.rng.random() < LASTING)
        elif name == "contact" and (homes := self._homes()):
            self._contact(self.rng.choice(homes))
        elif name == "delete" and loose and self.contacts:
            self._delete(self.rng.choice([*loose, *self.contacts]))
        elif name == "merge" and len(loose) > 1:
            self._merge(*self.rng.sample(loose, 2))
        else:
            self._change()

    def _loose(self):
        return [key for key in self.companies if key not in self._fixed]

    def _homes(self):
        return [key for key in self.companies if key in self._fixed and key not in self._alone]

    def _company(self, lasting):
        with self.sandbox.lock:
            key = str(self.sandbox.next_id(1000))
            values = {"name": f"{word(key)} r0", "domain": f"{word(key)}.example"}
            self.sandbox.store.create("companies", values, id=key)
        self.companies[key] = 0
        if lasting:
            self._fixed.add(key)
        return key

    def _contact(self, company):
        with self.sandbox.lock:
            key = str(self.sandbox.next_id(1000))
            values = {
                "firstname": word(key),
                "lastname": "r0",
                "email": f"{word(key)}@person.example",
            }
            self.sandbox.store.create("contacts", values, id=key)
            self.sandbox.store.associate(
                "contacts", key, "companies", company, primary=True, quiet=True
            )
        self.contacts[key], self.company_of[key] = 0, company

    def _change(self):
        key = self.rng.choice([*self.companies, *self.contacts])
        if key in self.companies:
            self.revise([key])
        else:
            self.contacts[key] += 1
            self._update("contact", key, lastname=f"r{self.contacts[key]}")

    def _update(self, kind, key, **values):
        with self.sandbox.lock:
            self.sandbox.store.update(CRM[kind], key, values)

    def _delete(self, key):
        kind = "company" if key in self.companies else "contact"
        with self.sandbox.lock:
            self.sandbox.store.archive(CRM[kind], key)
        (self.companies if kind == "company" else self.contacts).pop(key)
        self.ended[kind].add(key)

    def _merge(self, primary, loser):
        with self.sandbox.lock:
            survivor = self.sandbox.store.merge(
                "companies", primary, loser, new_id=self.rng.random() < 0.5
            )
        gone = {primary, loser} - {survivor["id"]}
        revision = self.companies[primary]
        for key in gone:
            del self.companies[key]
            self.ended["company"].add(key)
        self.companies[survivor["id"]] = revision
        self.merged.append((survivor["id"], gone))

    # -- what must be true -------------------------------------------------------------------------

    def name(self, key):
        """The name that a living company has here."""
        return self.sandbox.store.objects["companies"][key]["properties"]["name"]

    def families(self):
        """Ids that were merged, directly or by way of others, as sets."""
        families = []
        for survivor, gone in self.merged:
            family = {survivor, *gone}
            for other in [one for one in families if one & family]:
                families.remove(other)
                family |= other
            families.append(family)
        return families


def word(key):
    """A name that resembles no other."""
    return f"W{hashlib.sha256(key.encode()).hexdigest()[:11]}"
