//! What the tray says, in every language. A text that is missing does not compile.

use countersign_agent_api::ByLanguage;

use crate::{
    engine::Language,
    plural::{Arabic, arabic, exactly_one, one_other, up_to_one},
};

pub(super) struct Words {
    pub(super) nothing: &'static str,
    pub(super) waiting: fn(count: u64) -> String,
    pub(super) held_back: fn(count: u64) -> String,
    pub(super) muted_until: fn(time: &str) -> String,
    pub(super) muted: &'static str,
    pub(super) locked: &'static str,
    pub(super) missing: &'static str,
    pub(super) key_missing: &'static str,
    pub(super) hanging: &'static str,
    pub(super) review: &'static str,
    pub(super) open: &'static str,
    pub(super) mute: &'static str,
    pub(super) unmute: &'static str,
    pub(super) quit: &'static str,
}

static WORDS: ByLanguage<Words> = ByLanguage {
    english: ENGLISH,
    german: GERMAN,
    french: FRENCH,
    spanish: SPANISH,
    japanese: JAPANESE,
    arabic: ARABIC,
};

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        WORDS.of(language)
    }
}

const ENGLISH: Words = Words {
    nothing: "No requests",
    waiting: |count| {
        let waiting = one_other(exactly_one(count), "request waits", "requests wait");
        format!("{count} {waiting}")
    },
    held_back: |count| format!("{count} held back"),
    muted_until: |time| format!("Muted until {time}"),
    muted: "Muted",
    locked: "The keyring is locked",
    missing: "There is no keyring",
    key_missing: "A key is missing from the keyring",
    hanging: "The keyring does not answer",
    review: "Review next request",
    open: "Open Countersign",
    mute: "Mute for 1 hour",
    unmute: "Unmute",
    quit: "Quit",
};

const GERMAN: Words = Words {
    nothing: "Keine Anfragen",
    waiting: |count| {
        let waiting = one_other(exactly_one(count), "Anfrage wartet", "Anfragen warten");
        format!("{count} {waiting}")
    },
    held_back: |count| format!("{count} zurückgehalten"),
    muted_until: |time| format!("Stumm bis {time}"),
    muted: "Stumm",
    locked: "Der Schlüsselbund ist gesperrt",
    missing: "Es gibt keinen Schlüsselbund",
    key_missing: "Im Schlüsselbund fehlt ein Schlüssel",
    hanging: "Der Schlüsselbund antwortet nicht",
    review: "Nächste Anfrage prüfen",
    open: "Countersign öffnen",
    mute: "1 Stunde stummschalten",
    unmute: "Stummschaltung aufheben",
    quit: "Beenden",
};

const FRENCH: Words = Words {
    nothing: "Aucune demande",
    waiting: |count| {
        let requests = one_other(up_to_one(count), "demande", "demandes");
        format!("{count} {requests} en attente")
    },
    held_back: |count| {
        let held_back = one_other(up_to_one(count), "retenue", "retenues");
        format!("{count} {held_back}")
    },
    muted_until: |time| format!("Notifications coupées jusqu’à {time}"),
    muted: "Notifications coupées",
    locked: "Le trousseau est verrouillé",
    missing: "Il n’y a pas de trousseau",
    key_missing: "Une clé manque dans le trousseau",
    hanging: "Le trousseau ne répond pas",
    review: "Examiner la demande suivante",
    open: "Ouvrir Countersign",
    mute: "Couper les notifications 1 heure",
    unmute: "Rétablir les notifications",
    quit: "Quitter",
};

const SPANISH: Words = Words {
    nothing: "No hay solicitudes",
    waiting: |count| {
        let requests = one_other(exactly_one(count), "solicitud", "solicitudes");
        format!("{count} {requests} en espera")
    },
    held_back: |count| {
        let held_back = one_other(exactly_one(count), "retenida", "retenidas");
        format!("{count} {held_back}")
    },
    muted_until: |time| format!("En silencio hasta las {time}"),
    muted: "En silencio",
    locked: "El depósito de claves está bloqueado",
    missing: "No hay depósito de claves",
    key_missing: "Falta una clave en el depósito de claves",
    hanging: "El depósito de claves no responde",
    review: "Revisar la siguiente solicitud",
    open: "Abrir Countersign",
    mute: "Silenciar 1 hora",
    unmute: "Dejar de silenciar",
    quit: "Salir",
};

const JAPANESE: Words = Words {
    nothing: "リクエストはありません",
    waiting: |count| format!("リクエスト {count} 件が待機中"),
    held_back: |count| format!("{count} 件を保留中"),
    muted_until: |time| format!("{time} までミュート"),
    muted: "ミュート中",
    locked: "キーリングがロックされています",
    missing: "キーリングがありません",
    key_missing: "キーリングに鍵がありません",
    hanging: "キーリングが応答しません",
    review: "次のリクエストを確認",
    open: "Countersign を開く",
    mute: "1 時間ミュート",
    unmute: "ミュートを解除",
    quit: "終了",
};

const ARABIC: Words = Words {
    nothing: "لا طلبات",
    waiting: |count| match arabic(count) {
        Arabic::Zero => "لا طلبات".to_owned(),
        Arabic::One => "طلب واحد منتظر".to_owned(),
        Arabic::Two => "طلبان منتظران".to_owned(),
        Arabic::Few => format!("{count} طلبات منتظرة"),
        Arabic::Many => format!("{count} طلبًا منتظرًا"),
        Arabic::Other => format!("{count} طلب منتظر"),
    },
    held_back: |count| format!("المحجوزة: {count}"),
    muted_until: |time| format!("مكتوم حتى {time}"),
    muted: "مكتوم",
    locked: "حلقة المفاتيح مقفلة",
    missing: "لا توجد حلقة مفاتيح",
    key_missing: "ينقص حلقة المفاتيح مفتاح",
    hanging: "حلقة المفاتيح لا تستجيب",
    review: "مراجعة الطلب التالي",
    open: "فتح Countersign",
    mute: "كتم لمدة ساعة",
    unmute: "إلغاء الكتم",
    quit: "إنهاء",
};
