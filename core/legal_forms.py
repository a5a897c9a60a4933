"""What kind of company a name says it is: the legal forms of many countries, in their usual spellings.

The list follows the Entity Legal Forms of ISO 20275 for the countries where they are written behind
(or before) a company's name. What is said in several ways is one form: "Ltd", "Limited".
"""

# One line a form: its name here, then its spellings. Spellings are compared as words without accents and dots,
# neighbouring single letters joined: "Sp. z o.o." is "sp zoo", "S. de R.L." is "s de rl".
_FORMS = """
ltd: ltd, limited, co ltd, company limited, pvt ltd, private limited, pte ltd, pty ltd, pty limited, pty
inc: inc, incorporated
corp: corp, corporation
llc: llc, limited liability company
llp: llp
lp: lp
plc: plc, public limited company, pcl, public company limited
gmbh: gmbh, mbh, gesellschaft mit beschrankter haftung, ges mbh, gesmbh
ggmbh: ggmbh
gmbh & co. kg: gmbh co kg, gmbh und co kg, gmbh u co kg, gmbh cokg
ag: ag, aktiengesellschaft
kg: kg, kommanditgesellschaft, co kg
kgaa: kgaa, gmbh co kgaa, ag co kgaa, se co kgaa
ohg: ohg
gbr: gbr
ug: ug, ug haftungsbeschrankt, unternehmergesellschaft
e.k.: ek, e kfm, e kfr
se: se
eg: eg
e.v.: ev
sa: sa, societe anonyme, sociedad anonima, sociedade anonima, sau
sas: sas, sasu, societe par actions simplifiee
sarl: sarl, sarlu, eurl, sagl, societe a responsabilite limitee
snc: snc
sci: sci
srl: srl, srls, sprl, bvba, societa a responsabilita limitata, sociedad de responsabilidad limitada
spa: spa, societa per azioni
bv: bv, besloten vennootschap
nv: nv, naamloze vennootschap
vof: vof
sl: sl, slu, sociedad limitada
s.a. de c.v.: sa de cv, sab de cv, sapi de cv
s. de r.l. de c.v.: s de rl de cv, s de rl
ltda: ltda, lda, limitada, eireli
sp. z o.o.: sp zoo, spolka zoo, spolka z ograniczona odpowiedzialnoscia
spolka akcyjna: spolka akcyjna
sp. k.: sp k, spolka komandytowa
s.r.o.: sro, spol sro
a.s.: as, aksjeselskap, anonim sirketi
kft: kft, korlatolt felelossegu tarsasag
zrt: zrt, nyrt, rt
bt: bt
d.o.o.: doo, dooel
d.d.: dd
e.o.o.d.: eood, ood
a.d.: ad, ead
ab: ab, aktiebolag
asa: asa
aps: aps
a/s: aktieselskab
oy: oy, oyj, osakeyhtio
hf: hf, ehf
ou: ou, osauhing
uab: uab
sia: sia
ooo: ooo, obshchestvo s ogranichennoy otvetstvennostyu
ao: ao, oao, pao, zao
tov: tov, tzov
a.e.: ae
e.p.e.: epe, ike
ltd. sti.: ltd sti, limited sirketi
kk: kk, kabushiki kaisha, kabushiki gaisha, zhushihuishe
gk: godo kaisha
gongsi: youxiangongsi, gufenyouxiangongsi, youxianzerengongsi
jusik: jusighoesa
sdn bhd: sdn bhd, bhd
pt: pt, pt tbk, tbk
dac: dac
fz: fze, fzc, fz llc, fzco
cc: cc
"""

# Written without a blank beside the name, so they are set apart before anything else.
GLUED = ("株式会社", "有限会社", "合同会社", "股份有限公司", "有限责任公司", "有限公司", "주식회사")

FORMS = {
    tuple(spelling.split()): name
    for name, spellings in (line.split(":") for line in _FORMS.strip().splitlines())
    for spelling in (part.strip() for part in spellings.split(","))
}
# Forms that stand before a name in their countries.
_LEADING = {("ooo",), ("oao",), ("pao",), ("zao",), ("ao",), ("tov",), ("pt",), ("kk",)}
_LEADING |= {("uab",), ("sia",), ("as",), ("zhushihuishe",), ("jusighoesa",), ("sarl",), ("sas",)}
# In the midst of a name, too, they can be nothing else.
_ANYWHERE = {"gmbh", "ltd", "limited", "llc", "llp", "plc", "sarl", "sro", "kft", "zoo", "bvba"}
_LONGEST = max(map(len, FORMS))


def without_form(words: list[str]) -> tuple[list[str], str | None]:
    """Words of a name without its legal form.

    :return: ``(words, form)``; the form by its name here, None if the name does not say one. What would
        leave no word stays a name: "AG" alone is a company called so.
    """
    rest, form = list(words), None
    while len(rest) > 1:
        length = _at_end(rest)
        if not length:
            break
        form = FORMS[tuple(rest[-length:])] if form is None else form
        del rest[-length:]
    if len(rest) > 1 and tuple(rest[:1]) in _LEADING:
        form = form or FORMS[tuple(rest[:1])]
        del rest[0]
    kept = [word for word in rest if word not in _ANYWHERE]
    if kept and len(kept) < len(rest):
        found = next(word for word in rest if word in _ANYWHERE)
        form, rest = form or FORMS.get((found,)), kept
    if len(rest) > 1 and rest[-1] in ("co", "company", "cie", "compagnie"):
        del rest[-1]  # "& Co.", without a form of its own
    return rest, form


def _at_end(words):
    """How many words at the end are one legal form; the longest that leaves a name."""
    for length in range(min(_LONGEST, len(words) - 1), 0, -1):
        if tuple(words[-length:]) in FORMS:
            return length
    return 0
