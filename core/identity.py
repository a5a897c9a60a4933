"""Who is who by keys: tax numbers, internet domains, e-mail addresses. What looks alike: `likeness.py`."""

import re
from functools import lru_cache

from stdnum import get_cc_module

# Mail providers: an address there says nothing about the company.
PUBLIC_DOMAINS = frozenset(
    word
    for line in (
        "126.com 139.com 163.com 189.cn aim.com alice.it aliceadsl.fr aol.com arcor.de att.net",
        "bbox.fr bell.net bellsouth.net bigpond.com bk.ru blueyonder.co.uk bluewin.ch bol.com.br",
        "btinternet.com btopenworld.com centurylink.net centrum.cz charter.net chello.nl club-",
        "internet.fr comcast.net cox.net daum.net duck.com earthlink.net eircom.net email.cz email.de",
        "email.it fastmail.com fastwebnet.it foxmail.com free.fr freenet.de frontier.com gmail.com",
        "gmx.at gmx.ch gmx.com gmx.de gmx.fr gmx.net googlemail.com hanmail.net hey.com home.nl",
        "hotmail.be hotmail.ca hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it",
        "hotmail.nl hushmail.com icloud.com ig.com.br inbox.lv inbox.ru interia.pl inwind.it juno.com",
        "kpnmail.nl laposte.net libero.it list.ru live.be live.co.uk live.com live.de live.fr live.it",
        "live.nl mac.com mail.com mail.de mail.ru mailbox.org me.com msn.com naver.com neuf.fr",
        "ntlworld.com o2.co.uk o2.pl online.de onet.pl op.pl optonline.net orange.fr outlook.com",
        "outlook.de outlook.es outlook.fr outlook.it planet.nl pobox.com poczta.onet.pl posteo.de",
        "proton.me protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com rogers.com sapo.pt",
        "sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com skynet.be sky.com sohu.com sympatico.ca",
        "t-online.de talktalk.net telenet.be telefonica.net terra.com.br terra.es tin.it tiscali.it",
        "tutanota.com tuta.io ukr.net uol.com.br verizon.net virgilio.it virgin.net virginmedia.com",
        "voila.fr wanadoo.fr web.de windowslive.com wp.pl xs4all.nl xtra.co.nz ya.ru yahoo.ca",
        "yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.au yahoo.com.br yahoo.de yahoo.es",
        "yahoo.fr yahoo.it yandex.com yandex.ru yeah.net ymail.com ziggo.nl zoho.com",
    )
    for word in line.split()
)


@lru_cache(10_000)
def vat_key(vat: str | None, country: str | None = None) -> str | None:
    """A tax number in its compact form, with its country in front, if it is a valid one.

    Numbers that their country's own check refuses are no keys: a typing error must not join two
    companies. Countries without a check in ``stdnum`` count by letters and digits.
    """
    compact = re.sub(r"[^0-9A-Za-z]", "", vat or "").upper()
    if len(compact) < 6 or not _says_something(compact):
        return None
    prefix = compact[:2] if compact[:2].isalpha() else (country or "").upper()
    if not prefix:
        return compact
    module = get_cc_module(prefix.lower(), "vat")
    if module is None:
        return compact if compact.startswith(prefix) else prefix + compact
    number = compact[2:] if compact.startswith(prefix) else compact
    for candidate in (number, compact):
        if module.is_valid(candidate):
            return prefix + number
    return None


def _says_something(compact: str) -> bool:
    """Whether a number can be one: "unknown", "n/a" and "000000000" stand in many records."""
    digits = re.sub(r"\D", "", compact)
    return len(digits) >= 3 and len(set(digits)) > 1


@lru_cache(10_000)
def domain_key(domain: str | None, *, email: str | None = None) -> str | None:
    """The company's own internet domain, from a web address or an e-mail address."""
    text = (domain or "").strip().lower()
    if not text and email and "@" in email:
        text = email.rsplit("@", 1)[1].strip().lower()
    text = re.sub(r"^[a-z]+://", "", text).split("/")[0].split(":")[0]
    text = text.removeprefix("www.")
    if "." not in text or text in PUBLIC_DOMAINS:
        return None
    return text


def email_key(email: str | None) -> str | None:
    """An e-mail address as a key: lower case, without blanks."""
    text = (email or "").strip().lower()
    return text if text.count("@") == 1 and "." in text.rsplit("@", 1)[1] else None
