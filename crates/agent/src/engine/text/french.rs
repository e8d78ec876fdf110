//! French. The person is addressed as vous.

use super::{Span, catalogue::Catalogue};
use crate::plural::{one_other, up_to_one};

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "Examiner",
    deny: "Refuser",
    approve: "Approuver",
    deny_all: "Tout refuser",
    show: "Afficher",
    not_me: "Ce n’était pas moi",
    report_too: "Signaler aussi",
    unlock: "Déverrouiller…",
    check: "Vérifier",

    request: "Demande d’approbation",
    open_it: "Ouvrez-la pour voir ce qui est demandé.",
    asks: |client| format!("{client} demande d’approuver"),
    this_computer: "Cet ordinateur",
    another_device: "Autre appareil",
    several: |count| {
        let requests = one_other(up_to_one(count), "demande", "demandes");
        format!("{count} {requests} d’approbation")
    },
    one_by_one: "Ouvrez-les une par une.",
    oldest: |client| format!("La plus ancienne\u{a0}: {client}"),
    oldest_asks: |client, what| format!("La plus ancienne\u{a0}: {client}, {what}"),

    held: "Demandes retenues",
    held_many: "Beaucoup sont arrivées à la fois. Rien n’a été approuvé.",
    held_count: |count| {
        let requests = one_other(up_to_one(count), "demande retenue", "demandes retenues");
        format!("{count} {requests}")
    },
    held_from: |client| format!("De {client} en moins d’une minute. Rien n’a été approuvé."),

    answered: "Déjà répondu",
    answered_elsewhere: "Un autre de vos appareils a répondu en premier.",
    already_approved: "Déjà approuvé",
    already_denied: "Déjà refusé",
    about: |who, what| format!("{who}\u{a0}: {what}"),
    expired: "Une demande a expiré",
    nothing_approved: "Rien n’a été approuvé.",
    expired_at: |client, time| format!("{client}, {time}. Rien n’a été approuvé."),
    denied: "Refusé",
    details_in_app: "Ouvrez Countersign pour voir les détails.",

    unsent: "Réponse pas encore envoyée",
    no_connection: "Il n’y a pas de connexion.",
    approval_unsent: "Approbation pas encore envoyée",
    denial_unsent: "Refus pas encore envoyé",
    report_unsent: "Signalement pas encore envoyé",
    time_left: |host, left| format!("Aucune connexion à {host}. Il reste {left}."),
    not_approved: "Non approuvé",
    see_why: "Ouvrez la demande pour voir pourquoi.",
    wrong_code: "Le code ne correspondait pas.",
    attempts_left: |count| {
        let attempts = one_other(up_to_one(count), "essai", "essais");
        format!("Le code ne correspondait pas. Il reste {count} {attempts} pour ce compte.")
    },
    too_many_codes: "Trop de codes erronés. Demandez à un administrateur de déverrouiller le compte.",
    not_sent: "Réponse non envoyée à temps. Si vous le voulez toujours, répondez de nouveau.",
    not_taken: "Réponse non acceptée",
    unclear: "On ne sait pas si votre réponse compte",

    account_removed: "Un compte a été retiré",
    see_which: "Ouvrez Countersign pour voir lequel.",
    removed_by: |issuer| format!("{issuer} a retiré cet ordinateur"),
    no_longer_approves: |account| format!("Il ne peut plus approuver pour {account}."),
    contents_changed: "Comptes ou codes modifiés",
    changed_by: |issuer| format!("Modifié par {issuer}"),
    parts_added: |count| format!("Ajouts : {count}."),
    parts_removed: |names| format!("Retirés : {names}."),
    locked_out: "Countersign n’a plus accès aux clés",
    unlock_keyring: "Déverrouillez votre trousseau pour répondre aux demandes.",
    keyring_locked: "Le trousseau est verrouillé. Vos comptes sont toujours là.",
    keyring_missing: "Aucun service de trousseau ne répond. Vos comptes sont toujours là.",
    key_missing: "Une clé manque dans le trousseau. Restaurez-le ou inscrivez-vous de nouveau.",
    keyring_hanging: "Le trousseau ne répond pas. Vos comptes sont toujours là.",
    offline: "Countersign est hors ligne",
    out_of_reach: "Les demandes ne parviennent pas à cet ordinateur.",
    no_connection_to: |issuer| format!("Aucune connexion à {issuer}"),
    trying_since: |time| format!("Depuis {time}. Nouvelle tentative automatique."),
    check_clock: "Vérifiez votre horloge",
    codes_refused: "Des codes peuvent être refusés.",
    clock_wrong: "L’horloge est fausse",
    clock_behind: |by| format!("L’horloge retarde de {by}"),
    clock_ahead: |by| format!("L’horloge avance de {by}"),
    only_codes_refused: "Des codes peuvent être refusés. Les approbations ne sont pas touchées.",
    span: |span| match span {
        Span::Minutes(count) => format!("{count} {}", one_other(up_to_one(count), "minute", "minutes")),
        Span::Hours(count) => format!("{count} {}", one_other(up_to_one(count), "heure", "heures")),
        Span::Days(count) => format!("{count} {}", one_other(up_to_one(count), "jour", "jours")),
    },

    pay: |amount, payee| format!("Envoyer {amount} à {payee}"),
    pay_amount: |amount| format!("Envoyer {amount}"),
    access: |resource| format!("Ouvrir {resource}"),
    export: |dataset| format!("Exporter {dataset}"),
    deploy: |service| format!("Déployer {service}"),
    deploy_to: |service, environment| format!("Déployer {service} vers {environment}"),
    sign_in: "Confirmer que vous êtes en train de vous connecter",

    full_stop: ".",
    between: " ",
    sum: |sum| sum.currency_last("\u{202f}", ",", 4),
};
