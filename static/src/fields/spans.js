import { _t } from "@web/core/l10n/translation";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * @param {number} seconds
 * @returns {string} empty for none; else the two largest units that say something
 */
export function formatSpan(seconds) {
    const value = Math.round(seconds || 0);
    if (value <= 0) {
        return "";
    }
    if (value < MINUTE) {
        return _t("%s s", value);
    }
    if (value < HOUR) {
        return _t("%s min", Math.floor(value / MINUTE));
    }
    if (value < DAY) {
        const minutes = Math.floor((value % HOUR) / MINUTE);
        const hours = Math.floor(value / HOUR);
        return minutes ? _t("%(hours)s h %(minutes)s min", { hours, minutes }) : _t("%s h", hours);
    }
    const days = Math.floor(value / DAY);
    const hours = Math.floor((value % DAY) / HOUR);
    return hours && days < 3 ? _t("%(days)s d %(hours)s h", { days, hours }) : _t("%s d", days);
}
