//! German. The person is addressed as Sie.

use super::{Span, catalogue::Catalogue};
use crate::plural::{exactly_one, one_other};

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "Prüfen",
    deny: "Ablehnen",
    approve: "Genehmigen",
    deny_all: "Alle ablehnen",
    show: "Anzeigen",
    not_me: "Das war ich nicht",
    report_too: "Auch melden",
    unlock: "Entsperren…",
    check: "Nachsehen",

    request: "Freigabeanfrage",
    open_it: "Öffnen Sie sie, um zu sehen, was angefragt wird.",
    asks: |client| format!("{client} bittet um Freigabe"),
    this_computer: "Dieser Computer",
    another_device: "Anderes Gerät",
    several: |count| {
        let requests = one_other(exactly_one(count), "Anfrage wartet", "Anfragen warten");
        format!("{count} {requests} auf Freigabe")
    },
    one_by_one: "Öffnen Sie eine nach der anderen.",
    oldest: |client| format!("Älteste: {client}"),
    oldest_asks: |client, what| format!("Älteste: {client}, {what}"),

    held: "Anfragen zurückgehalten",
    held_many: "Viele kamen auf einmal. Nichts wurde genehmigt.",
    held_count: |count| {
        let requests = one_other(exactly_one(count), "Anfrage", "Anfragen");
        format!("{count} {requests} zurückgehalten")
    },
    held_from: |client| format!("Von {client} innerhalb einer Minute. Nichts wurde genehmigt."),

    answered: "Schon beantwortet",
    answered_elsewhere: "Ein anderes Gerät von Ihnen hat zuerst geantwortet.",
    already_approved: "Schon genehmigt",
    already_denied: "Schon abgelehnt",
    about: |who, what| format!("{who}: {what}"),
    expired: "Eine Anfrage ist abgelaufen",
    nothing_approved: "Nichts wurde genehmigt.",
    expired_at: |client, time| format!("{client}, {time}. Nichts wurde genehmigt."),
    denied: "Abgelehnt",
    details_in_app: "Öffnen Sie Countersign für Einzelheiten.",

    unsent: "Antwort noch nicht gesendet",
    no_connection: "Es gibt keine Verbindung.",
    approval_unsent: "Genehmigung noch nicht gesendet",
    denial_unsent: "Ablehnung noch nicht gesendet",
    report_unsent: "Meldung noch nicht gesendet",
    time_left: |host, left| format!("Keine Verbindung zu {host}. Noch {left}."),
    not_approved: "Nicht genehmigt",
    see_why: "Öffnen Sie die Anfrage, um zu sehen, warum.",
    wrong_code: "Der Code stimmte nicht.",
    attempts_left: |count| {
        let attempts = one_other(exactly_one(count), "Versuch", "Versuche");
        format!("Der Code stimmte nicht. Noch {count} {attempts} für dieses Konto.")
    },
    too_many_codes: "Zu viele falsche Codes. Lassen Sie das Konto von der Administration entsperren.",
    not_sent: "Nicht rechtzeitig gesendet. Wenn Sie das noch wollen, antworten Sie noch einmal.",
    not_taken: "Antwort nicht angenommen",
    unclear: "Unklar, ob Ihre Antwort gezählt hat",

    account_removed: "Ein Konto wurde entfernt",
    see_which: "Öffnen Sie Countersign, um zu sehen, welches.",
    removed_by: |issuer| format!("{issuer} hat diesen Computer entfernt"),
    no_longer_approves: |account| format!("Er kann nicht mehr für {account} genehmigen."),
    contents_changed: "Konten oder Codes geändert",
    changed_by: |issuer| format!("Von {issuer} geändert"),
    parts_added: |count| format!("Hinzugefügt: {count}."),
    parts_removed: |names| format!("Entfernt: {names}."),
    locked_out: "Countersign ist ausgesperrt",
    unlock_keyring: "Entsperren Sie Ihren Schlüsselbund, um Anfragen zu beantworten.",
    keyring_locked: "Der Schlüsselbund ist gesperrt. Ihre Konten sind noch da.",
    keyring_missing: "Kein Schlüsselbunddienst antwortet. Ihre Konten sind noch da.",
    key_missing: "Ein Schlüssel fehlt im Schlüsselbund. Stellen Sie ihn wieder her oder beginnen Sie neu.",
    keyring_hanging: "Der Schlüsselbund antwortet nicht. Ihre Konten sind noch da.",
    offline: "Countersign ist offline",
    out_of_reach: "Anfragen erreichen diesen Computer nicht.",
    no_connection_to: |issuer| format!("Keine Verbindung zu {issuer}"),
    trying_since: |time| format!("Seit {time}. Es wird von selbst weiter versucht."),
    check_clock: "Prüfen Sie Ihre Uhr",
    codes_refused: "Codes werden vielleicht abgelehnt.",
    clock_wrong: "Die Uhr geht falsch",
    clock_behind: |by| format!("Die Uhr geht {by} nach"),
    clock_ahead: |by| format!("Die Uhr geht {by} vor"),
    only_codes_refused: "Codes werden vielleicht abgelehnt. Freigaben sind nicht betroffen.",
    span: |span| match span {
        Span::Minutes(count) => format!("{count} {}", one_other(exactly_one(count), "Minute", "Minuten")),
        Span::Hours(count) => format!("{count} {}", one_other(exactly_one(count), "Stunde", "Stunden")),
        Span::Days(count) => format!("{count} {}", one_other(exactly_one(count), "Tag", "Tage")),
    },

    pay: |amount, payee| format!("{amount} an {payee} überweisen"),
    pay_amount: |amount| format!("{amount} überweisen"),
    access: |resource| format!("{resource} öffnen"),
    export: |dataset| format!("{dataset} exportieren"),
    deploy: |service| format!("{service} bereitstellen"),
    deploy_to: |service, environment| format!("{service} in {environment} bereitstellen"),
    sign_in: "Bestätigen, dass Sie sich gerade anmelden",

    full_stop: ".",
    between: " ",
    sum: |sum| sum.currency_last(".", ",", 4),
};
