//! Spanish. The person is addressed as usted.

use super::{Span, catalogue::Catalogue};
use crate::plural::{exactly_one, one_other};

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "Revisar",
    deny: "Denegar",
    approve: "Aprobar",
    deny_all: "Denegar todas",
    show: "Mostrar",
    not_me: "No he sido yo",
    report_too: "Informar también",
    unlock: "Desbloquear…",
    check: "Comprobar",

    request: "Solicitud de aprobación",
    open_it: "Ábrala para ver qué se pide.",
    asks: |client| format!("{client} pide aprobación"),
    this_computer: "Este equipo",
    another_device: "Otro dispositivo",
    several: |count| {
        let requests = one_other(exactly_one(count), "solicitud", "solicitudes");
        format!("{count} {requests} de aprobación")
    },
    one_by_one: "Ábralas una por una.",
    oldest: |client| format!("La más antigua: {client}"),
    oldest_asks: |client, what| format!("La más antigua: {client}, {what}"),

    held: "Solicitudes retenidas",
    held_many: "Llegaron muchas a la vez. No se ha aprobado nada.",
    held_count: |count| {
        let requests = one_other(exactly_one(count), "solicitud retenida", "solicitudes retenidas");
        format!("{count} {requests}")
    },
    held_from: |client| format!("De {client} en menos de un minuto. No se ha aprobado nada."),

    answered: "Ya respondida",
    answered_elsewhere: "Otro dispositivo suyo respondió antes.",
    already_approved: "Ya aprobada",
    already_denied: "Ya denegada",
    about: |who, what| format!("{who}: {what}"),
    expired: "Una solicitud ha caducado",
    nothing_approved: "No se ha aprobado nada.",
    expired_at: |client, time| format!("{client}, {time}. No se ha aprobado nada."),
    denied: "Denegada",
    details_in_app: "Abra Countersign para ver los detalles.",

    unsent: "Respuesta aún sin enviar",
    no_connection: "No hay conexión.",
    approval_unsent: "Aprobación aún sin enviar",
    denial_unsent: "Denegación aún sin enviar",
    report_unsent: "Informe aún sin enviar",
    time_left: |host, left| format!("No hay conexión con {host}. Quedan {left}."),
    not_approved: "No aprobada",
    see_why: "Ábrala para ver por qué.",
    wrong_code: "El código no coincidió.",
    attempts_left: |count| {
        let (verb, attempts) = one_other(exactly_one(count), ("Queda", "intento"), ("Quedan", "intentos"));
        format!("El código no coincidió. {verb} {count} {attempts} en esta cuenta.")
    },
    too_many_codes: "Demasiados códigos erróneos. Pida a un administrador que desbloquee la cuenta.",
    not_sent: "No se pudo enviar a tiempo. Si todavía lo quiere, responda de nuevo.",
    not_taken: "Respuesta no aceptada",
    unclear: "No se sabe si su respuesta contó",

    account_removed: "Se ha quitado una cuenta",
    see_which: "Abra Countersign para ver cuál.",
    removed_by: |issuer| format!("{issuer} ha quitado este equipo"),
    no_longer_approves: |account| format!("Ya no puede aprobar para {account}."),
    contents_changed: "Cuentas o códigos cambiados",
    changed_by: |issuer| format!("Cambios de {issuer}"),
    parts_added: |count| format!("Añadidos: {count}."),
    parts_removed: |names| format!("Quitados: {names}."),
    locked_out: "Countersign no tiene acceso a las claves",
    unlock_keyring: "Desbloquee el depósito de claves para responder solicitudes.",
    keyring_locked: "El depósito de claves está bloqueado. Sus cuentas siguen ahí.",
    keyring_missing: "Ningún servicio de depósito de claves responde. Sus cuentas siguen ahí.",
    key_missing: "Falta una clave en el depósito de claves. Restáurelo o inscríbase de nuevo.",
    keyring_hanging: "El depósito de claves no responde. Sus cuentas siguen ahí.",
    offline: "Countersign está sin conexión",
    out_of_reach: "Las solicitudes no llegan a este equipo.",
    no_connection_to: |issuer| format!("No hay conexión con {issuer}"),
    trying_since: |time| format!("Desde las {time}. Se vuelve a intentar automáticamente."),
    check_clock: "Revise su reloj",
    codes_refused: "Es posible que se rechacen códigos.",
    clock_wrong: "El reloj está mal",
    clock_behind: |by| format!("El reloj va {by} atrasado"),
    clock_ahead: |by| format!("El reloj va {by} adelantado"),
    only_codes_refused: "Es posible que se rechacen códigos. Las aprobaciones no se ven afectadas.",
    span: |span| match span {
        Span::Minutes(count) => format!("{count} {}", one_other(exactly_one(count), "minuto", "minutos")),
        Span::Hours(count) => format!("{count} {}", one_other(exactly_one(count), "hora", "horas")),
        Span::Days(count) => format!("{count} {}", one_other(exactly_one(count), "día", "días")),
    },

    pay: |amount, payee| format!("Enviar {amount} a {payee}"),
    pay_amount: |amount| format!("Enviar {amount}"),
    access: |resource| format!("Abrir {resource}"),
    export: |dataset| format!("Exportar {dataset}"),
    deploy: |service| format!("Desplegar {service}"),
    deploy_to: |service, environment| format!("Desplegar {service} en {environment}"),
    sign_in: "Confirmar que está iniciando sesión",

    full_stop: ".",
    between: " ",
    sum: |sum| sum.currency_last(".", ",", 5),
};
