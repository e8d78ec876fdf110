//! Modern Standard Arabic. Quoted names keep their own direction.

use super::{Span, catalogue::Catalogue};
use crate::plural::{Arabic, arabic};

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "مراجعة",
    deny: "رفض",
    approve: "موافقة",
    deny_all: "رفض الكل",
    show: "عرض",
    not_me: "لم أكن أنا",
    report_too: "الإبلاغ عنه أيضًا",
    unlock: "فتح القفل…",
    check: "فحص",

    request: "طلب موافقة",
    open_it: "افتحه لترى المطلوب.",
    asks: |client| format!("يطلب {} موافقتك", isolated(client)),
    this_computer: "هذا الحاسوب",
    another_device: "جهاز آخر",
    several: |count| match arabic(count) {
        Arabic::Zero => "لا طلبات موافقة".to_owned(),
        Arabic::One => "طلب موافقة واحد".to_owned(),
        Arabic::Two => "طلبا موافقة".to_owned(),
        Arabic::Few => format!("{count} طلبات موافقة"),
        Arabic::Many | Arabic::Other => format!("{count} طلب موافقة"),
    },
    one_by_one: "افتحها واحدًا تلو الآخر.",
    oldest: |client| format!("الأقدم: {}", isolated(client)),
    oldest_asks: |client, what| format!("الأقدم: {}، {what}", isolated(client)),

    held: "طلبات محجوزة",
    held_many: "وصلت طلبات كثيرة دفعة واحدة. لم تتم الموافقة على شيء.",
    held_count: |count| match arabic(count) {
        Arabic::Zero => "لا طلبات محجوزة".to_owned(),
        Arabic::One => "حُجز طلب واحد".to_owned(),
        Arabic::Two => "حُجز طلبان".to_owned(),
        Arabic::Few => format!("حُجزت {count} طلبات"),
        Arabic::Many => format!("حُجز {count} طلبًا"),
        Arabic::Other => format!("حُجز {count} طلب"),
    },
    held_from: |client| {
        let client = isolated(client);
        format!("من {client} خلال دقيقة واحدة. لم تتم الموافقة على شيء.")
    },

    answered: "أُجيب عنه من قبل",
    answered_elsewhere: "أجاب جهاز آخر من أجهزتك أولًا.",
    already_approved: "تمت الموافقة من قبل",
    already_denied: "تم الرفض من قبل",
    about: |who, what| format!("{}: {what}", isolated(who)),
    expired: "انتهت مدة طلب",
    nothing_approved: "لم تتم الموافقة على شيء.",
    expired_at: |client, time| format!("{}، {time}. لم تتم الموافقة على شيء.", isolated(client)),
    denied: "تم الرفض",
    details_in_app: "افتح Countersign لرؤية التفاصيل.",

    unsent: "لم تُرسل الإجابة بعد",
    no_connection: "لا يوجد اتصال.",
    approval_unsent: "لم تُرسل الموافقة بعد",
    denial_unsent: "لم يُرسل الرفض بعد",
    report_unsent: "لم يُرسل البلاغ بعد",
    time_left: |host, left| format!("لا يوجد اتصال بـ {}. بقي {left}.", isolated(host)),
    not_approved: "لم تتم الموافقة",
    see_why: "افتح الطلب لترى السبب.",
    wrong_code: "لم يتطابق الرمز.",
    attempts_left: |count| {
        let left = match arabic(count) {
            Arabic::Zero => "لم تبق أي محاولة".to_owned(),
            Arabic::One => "بقيت محاولة واحدة".to_owned(),
            Arabic::Two => "بقيت محاولتان".to_owned(),
            Arabic::Few => format!("بقيت {count} محاولات"),
            Arabic::Many | Arabic::Other => format!("بقيت {count} محاولة"),
        };
        format!("لم يتطابق الرمز. {left} لهذا الحساب.")
    },
    too_many_codes: "رموز خاطئة كثيرة. اطلب من أحد المسؤولين فتح قفل الحساب.",
    not_sent: "تعذّر إرسال إجابتك في الوقت المناسب. إذا كنت لا تزال تريد ذلك فأجب من جديد.",
    not_taken: "لم تُقبل الإجابة",
    unclear: "لا يُعرف هل احتُسبت إجابتك",

    account_removed: "أُزيل حساب",
    see_which: "افتح Countersign لترى أي حساب.",
    removed_by: |issuer| format!("أزال {} هذا الحاسوب", isolated(issuer)),
    no_longer_approves: |account| format!("لم يعد بإمكانه الموافقة باسم {}.", isolated(account)),
    contents_changed: "تغيرت حسابات أو رموز",
    changed_by: |issuer| format!("تغييرات من {}", isolated(issuer)),
    parts_added: |count| format!("أضيف: {count}."),
    parts_removed: |names| format!("أزيل: {}.", isolated(names)),
    locked_out: "لا يصل Countersign إلى المفاتيح",
    unlock_keyring: "افتح قفل حلقة المفاتيح للإجابة عن الطلبات.",
    keyring_locked: "حلقة المفاتيح مقفلة. حساباتك ما زالت موجودة.",
    keyring_missing: "لا تستجيب أي خدمة لحلقة المفاتيح. حساباتك ما زالت موجودة.",
    key_missing: "لا تحتوي حلقة المفاتيح على أحد المفاتيح. استعدها أو سجّل من جديد.",
    keyring_hanging: "حلقة المفاتيح لا تستجيب. حساباتك ما زالت موجودة.",
    offline: "Countersign غير متصل",
    out_of_reach: "لا تصل الطلبات إلى هذا الحاسوب.",
    no_connection_to: |issuer| format!("لا يوجد اتصال بـ {}", isolated(issuer)),
    trying_since: |time| format!("منذ {time}. تُعاد المحاولة تلقائيًا."),
    check_clock: "تحقق من ساعتك",
    codes_refused: "قد تُرفض الرموز.",
    clock_wrong: "الساعة غير صحيحة",
    clock_behind: |by| format!("الساعة متأخرة {by}"),
    clock_ahead: |by| format!("الساعة متقدمة {by}"),
    only_codes_refused: "قد تُرفض الرموز. لا تتأثر الموافقات.",
    span: |span| match span {
        Span::Minutes(count) => counted(count, "دقيقة", "دقيقتين", "دقائق"),
        Span::Hours(count) => counted(count, "ساعة", "ساعتين", "ساعات"),
        Span::Days(count) => counted(count, "يومًا", "يومين", "أيام"),
    },

    pay: |amount, payee| format!("إرسال {} إلى {}", isolated(amount), isolated(payee)),
    pay_amount: |amount| format!("إرسال {}", isolated(amount)),
    access: |resource| format!("فتح {}", isolated(resource)),
    export: |dataset| format!("تصدير {}", isolated(dataset)),
    deploy: |service| format!("نشر {}", isolated(service)),
    deploy_to: |service, environment| format!("نشر {} في {}", isolated(service), isolated(environment)),
    sign_in: "تأكيد أنك تسجّل الدخول الآن",

    full_stop: ".",
    between: " ",
    sum: |sum| sum.currency_last(",", ".", 4),
};

/// Names read in their own direction without moving what is around them (first strong isolate, pop isolate).
fn isolated(value: &str) -> String {
    format!("\u{2068}{value}\u{2069}")
}

/// A number of units of time: one, two, few (3 to 10), or more, which take the form of one.
fn counted(count: u64, one: &str, two: &str, few: &str) -> String {
    match arabic(count) {
        Arabic::One => one.to_owned(),
        Arabic::Two => two.to_owned(),
        Arabic::Few => format!("{count} {few}"),
        Arabic::Zero | Arabic::Many | Arabic::Other => format!("{count} {one}"),
    }
}
