"""Who a company could be, and why: the evidence in words."""

from .sentence_tools import listed


def evidence_words(env, codes):
    """Pieces of evidence (codes of ``core.likeness.POINTS``) as words, in their order."""
    _ = env._
    words = {
        "vat_same": _("the same tax number"),
        "name_same": _("the same name"),
        "name_typed": _("the same name but for typing errors"),
        "name_part": _("one name contains the other"),
        "name_near": _("a similar name"),
        "name_common": _("only words that many companies have"),
        "domain_same": _("the same internet domain"),
        "domain_shared": _("an internet domain that several customers have"),
        "domain_other": _("another internet domain"),
        "email_same": _("the same e-mail address"),
        "phone_same": _("the same telephone"),
        "phone_other": _("another telephone"),
        "address_same": _("the same address"),
        "house_same": _("the same ZIP and house number"),
        "zip_same": _("the same ZIP"),
        "city_same": _("the same city"),
        "address_other": _("another address"),
        "form_other": _("another legal form"),
        "country_other": _("another country"),
    }
    return [words.get(code, code) for code in codes or ()]


def _possible_duplicate(env, p):
    if not p["evidence"]:  # stored before evidence was kept
        sentence = env._(
            "“%(name)s” resembles %(candidates)s.",
            name=p["name"],
            candidates=p["candidate_names"],
        )
    else:
        sentence = env._(
            "“%(name)s” resembles %(candidates)s: %(evidence)s (%(score)s of 100 points).",
            name=p["name"],
            candidates=p["candidate_names"],
            evidence=listed(evidence_words(env, p["evidence"])),
            score=(p["scores"] or [""])[0],
        )
    return sentence, env._("Say whether it is the same one (link) or a different one (create).")


def _split_at_source(env, p):
    return (
        env._(
            "%(id)s was merged into %(other)s in %(system)s, and is a record of its own again.",
            id=p["id"],
            other=p["other"],
            system=p["system"],
        ),
        env._(
            "Say whether it is the same one all the same (link), or another one from now on (create)."
        ),
    )


IDENTITY_SENTENCES = {
    "possible_duplicate": _possible_duplicate,
    "split_at_source": _split_at_source,
}
